// Where in a config the cursor stands, read from the YAML before it, which may be half written.

const KEY = /^("(?:[^"\\]|\\.)*"|'[^']*'|[^\s#:{}[\],&*!|>'"%@`-][^:#]*?)\s*:(?=\s|$)/;
const BLOCK = /[|>][+-]?\d?[+-]?\s*(?:#.*)?$/;
const ITEM = "[]";

/** Returns `{path, key, prefix, from, taken}`: the steps that lead there, whether a key or a value is being written,
 * what of it stands already and since which column, and which keys its object has. */
export function placeAt(text, line, column) {
  const lines = text.split("\n");
  const current = (lines[line] ?? "").slice(0, column);
  if (/^\s*[{[]/.test(text)) {
    const before = [...lines.slice(0, line), current].join("\n");
    const lineStart = before.length - current.length;
    return withinFlow(before, [], -lineStart, lines, line);
  }
  const open = openAt(lines, line);
  if (open.verbatim !== null && (indentOf(current) > open.verbatim || current.trim() === "")) {
    return null;
  }
  return withinLine(current, open.stack, lines, line);
}

function openAt(lines, end) {
  const stack = [];
  let verbatim = null;
  for (const line of lines.slice(0, end)) {
    const content = line.trim();
    if (content === "" || (verbatim !== null && indentOf(line) > verbatim)) {
      continue;
    }
    verbatim = null;
    if (content.startsWith("#") || content === "---") {
      continue;
    }
    const { rest, indent } = enterItems(line, stack);
    const found = KEY.exec(rest);
    if (found) {
      enter(stack, indent, unquoted(found[1]));
      if (BLOCK.test(rest.slice(found[0].length))) {
        verbatim = indent;
      }
    }
  }
  return { stack, verbatim };
}

function withinLine(current, stack, lines, line) {
  const { rest, indent } = enterItems(current, stack);
  if (rest.startsWith("#") || / #/.test(rest)) {
    return null;
  }
  const found = KEY.exec(rest);
  if (!found || found[0].length === rest.length) {
    if (/^[{[]/.test(rest)) {
      return withinFlow(rest, pathOf(stack), indent, lines, line);
    }
    while (stack.length && (stack.at(-1).indent > indent || (stack.at(-1).indent === indent && !mark(stack)))) {
      stack.pop();
    }
    return { path: pathOf(stack), key: true, prefix: rest, from: indent, taken: siblings(lines, line, indent) };
  }
  enter(stack, indent, unquoted(found[1]));
  const value = rest.slice(found[0].length);
  const start = indent + found[0].length + indentOf(value);
  const written = value.trimStart();
  if (/^[{[]/.test(written)) {
    return withinFlow(written, pathOf(stack), start, lines, line);
  }
  return { path: pathOf(stack), key: false, prefix: written, from: start, taken: new Set() };
}

/** Reads braces and brackets up to the end of a text; `shift` turns places in it into columns. */
function withinFlow(text, path, shift, lines, line) {
  const frames = [];
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    const top = frames.at(-1);
    if (sign === '"' || sign === "'") {
      const end = quoteEnd(text, at);
      if (end < 0) {
        start = at;
        break;
      }
      at = end;
    } else if (sign === "{" || sign === "[") {
      frames.push({ list: sign === "[", key: null, taken: new Set() });
      start = at + 1;
    } else if (sign === "}" || sign === "]") {
      frames.pop();
      start = at + 1;
    } else if (sign === "," && top) {
      top.key = null;
      start = at + 1;
    } else if (sign === ":" && top && !top.list && top.key === null) {
      top.key = unquoted(text.slice(start, at).trim());
      top.taken.add(top.key);
      start = at + 1;
    }
  }
  const top = frames.at(-1);
  if (!top) {
    return null;
  }
  const steps = frames.flatMap((frame) => (frame.list ? [ITEM] : frame.key === null ? [] : [frame.key]));
  const prefix = text.slice(start).trimStart();
  const from = shift + text.length - prefix.length;
  const key = !top.list && top.key === null;
  return { path: [...path, ...steps], key, prefix, from, taken: top.taken, flow: true };
}

function quoteEnd(text, at) {
  for (let next = at + 1; next < text.length; next += 1) {
    if (text[next] === "\\" && text[at] === '"') {
      next += 1;
    } else if (text[next] === text[at]) {
      return next;
    }
  }
  return -1;
}

function enterItems(line, stack) {
  let indent = indentOf(line);
  let rest = line.slice(indent);
  while (/^-(\s|$)/.test(rest)) {
    while (stack.length && (stack.at(-1).indent > indent || (stack.at(-1).indent === indent && mark(stack)))) {
      stack.pop();
    }
    stack.push({ indent, step: ITEM });
    const inner = rest.slice(1);
    const gap = 1 + indentOf(inner);
    indent += gap;
    rest = rest.slice(gap);
  }
  return { rest, indent };
}

function enter(stack, indent, step) {
  while (stack.length && stack.at(-1).indent >= indent) {
    stack.pop();
  }
  stack.push({ indent, step });
}

/** Tells whether the innermost thing is an item of a list. */
function mark(stack) {
  return stack.at(-1).step === ITEM;
}

function siblings(lines, line, indent) {
  const taken = new Set();
  // Above the first key of an item of a list is another object.
  const ways = lines[line].slice(0, indent).includes("-") ? [1] : [-1, 1];
  for (const step of ways) {
    for (let at = line + step; at >= 0 && at < lines.length; at += step) {
      const dashes = /^(?:\s|-(?=\s))*/.exec(lines[at])[0];
      if (lines[at].trim() === "" || dashes.length > indent) {
        continue;
      }
      const opens = dashes.includes("-");
      if (dashes.length < indent || (opens && step > 0)) {
        break;
      }
      const found = KEY.exec(lines[at].slice(dashes.length));
      if (found) {
        taken.add(unquoted(found[1]));
      }
      if (opens) {
        break;
      }
    }
  }
  return taken;
}

function pathOf(stack) {
  return stack.map((entry) => entry.step);
}

function indentOf(line) {
  return line.length - line.trimStart().length;
}

function unquoted(text) {
  const trimmed = text.trim();
  return /^(".*"|'.*')$/.test(trimmed) ? trimmed.slice(1, -1) : trimmed;
}
