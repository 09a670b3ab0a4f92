// Tests written into the text of a config: YAML for people, put where the other tests are.

const PLAIN = /^[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*$/;
const SIZE = /^[1-9]\d*x\d+$/;
const WORDS = /^(?:true|false|null|yes|no|on|off|y|n|nan|inf|infinity)$/i;
// What a file may not hold as it is: controls, other line ends, and what turns the direction of a text.
const ESCAPED = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]/g;

/** Returns a value as YAML on one line. */
export function flow(value) {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (value && typeof value === "object") {
    return `{${Object.entries(value)
      .map(([key, item]) => `${flow(key)}: ${flow(item)}`)
      .join(", ")}}`;
  }
  return typeof value === "string" ? text(value) : JSON.stringify(value ?? null);
}

/** Returns the text of a config with one more test at the end of its tests; keys without a value are left out. */
export function withTest(config, test) {
  const told = Object.fromEntries(Object.entries(test).filter(([, value]) => !isEmpty(value)));
  if (/^\s*\{/.test(config)) {
    const document = JSON.parse(config);
    return `${json({ ...document, tests: [...(document.tests ?? []), told] }, 2)}\n`;
  }
  const lines = config.replace(/\r\n?/g, "\n").replace(/\s+$/, "").split("\n");
  const start = lines.findIndex((line) => /^(?:tests|"tests"|'tests')\s*:/.test(line));
  if (start < 0) return `${[...lines, "tests:", ...written(told, "  ")].join("\n").replace(/^\n/, "")}\n`;
  const inline = lines[start].replace(/^[^:]*:\s*/, "").replace(/\s*#.*$/, "");
  if (inline !== "" && inline !== "[]")
    throw new Error("`tests` is written on one line here: put it on lines of its own.");
  lines[start] = lines[start].replace(/:\s*\[\]/, ":");
  let end = start + 1;
  while (end < lines.length && /^(?:\s|-\s|-$|#|$)/.test(lines[end])) end += 1;
  while (end > start + 1 && /^\s*(?:#.*)?$/.test(lines[end - 1])) end -= 1;
  const first = lines.slice(start + 1, end).find((line) => /^\s*-/.test(line));
  const indent = first === undefined ? "  " : /^\s*/.exec(first)[0];
  lines.splice(end, 0, ...written(told, indent));
  return `${lines.join("\n")}\n`;
}

/** Returns the line, from 0, on which a test of this name stands, or -1. */
export function lineOfTest(config, name) {
  const lines = config.split("\n");
  const start = lines.findIndex((line) => /^(?:tests|"tests"|'tests')\s*:/.test(line));
  return start < 0 ? -1 : lines.findIndex((line, at) => at > start && line.includes(`name: ${flow(name)}`));
}

function written(test, indent) {
  return Object.entries(test).map(([key, value], at) => `${indent}${at ? "  " : "- "}${key}: ${flow(value)}`);
}

function isEmpty(value) {
  return value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0);
}

function text(value) {
  if ((PLAIN.test(value) || SIZE.test(value)) && !WORDS.test(value)) return value;
  return json(value).replace(ESCAPED, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Returns a value as JSON; half a character, which no file can hold, becomes the sign for one that is not known. */
function json(value, indent) {
  return JSON.stringify(value, null, indent).replace(/\\\\|\\ud[89a-f][0-9a-f]{2}/g, (part) =>
    part === "\\\\" ? part : "\ufffd",
  );
}
