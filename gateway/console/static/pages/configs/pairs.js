// Names and values as people write them: one pair a line.

/** Returns the pairs of a text, one `name: value` a line; throws where a line is none. */
export function pairsOf(text, what) {
  const pairs = {};
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const found = /^\s*([^:=\s][^:=]*?)\s*[:=]\s*(.*?)\s*$/.exec(line);
    if (!found) throw new Error(`${what}, line ${at + 1}: write a name, a colon and a value, such as “plan: pro”.`);
    Object.defineProperty(pairs, found[1], { value: found[2], enumerable: true, configurable: true, writable: true });
  }
  return pairs;
}

/** Returns the JSON object that a field holds, an empty one where it holds nothing; throws in words. */
export function objectOf(text, what) {
  if (text.trim() === "") return {};
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${what} is not JSON: ${error.message}.`);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new Error(`${what} has to be a JSON object, such as {"quality": "high"}.`);
  }
  return value;
}

/** Returns the number that a field holds, `undefined` where it is left empty; throws where it is none in range. */
export function numberOf(text, what, { least = 0, most = Infinity, whole = false } = {}) {
  if (text.trim() === "") return undefined;
  const value = Number(text);
  if (!Number.isFinite(value) || value < least || value > most || (whole && !Number.isInteger(value))) {
    const range = most === Infinity ? `${least} or more` : `${least} to ${most}`;
    throw new Error(`${what} has to be a ${whole ? "whole " : ""}number, ${range}.`);
  }
  return value;
}
