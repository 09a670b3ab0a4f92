// What may be written where the cursor stands: keys and values that the schema of configs allows there.

import { placeAt } from "./place.js";

const NAMES = /^\s*(?:-\s+)*(?:\{\s*)?name:\s*("[^"]*"|'[^']*'|[^\s,#}][^,#}\n]*)/gm;

/** Returns `{from, options: [{text, label, detail}]}` for a cursor in a text, or `null` where nothing can be said. */
export function completionsAt(schema, text, line, column) {
  const place = schema && placeAt(text, line, column);
  if (!place) {
    return null;
  }
  const node = schemaAt(schema, place.path);
  if (!node) {
    return null;
  }
  const scalar = place.key && !node.properties && (node.enum || node.type === "string");
  const all = place.key && !scalar ? keysOf(schema, node, place) : valuesOf(node, place, text);
  const wanted = place.prefix.replace(/^["']/, "").toLowerCase();
  const quoted = place.prefix.startsWith('"');
  const options = all
    .map((option) => (quoted ? { ...option, text: asJson(option) } : option))
    .filter(({ label }) => label.toLowerCase().includes(wanted) && label !== wanted)
    .sort((one, other) => starts(other, wanted) - starts(one, wanted));
  return { from: place.from, options };
}

/** Returns the part of a schema that a path of keys and `[]` leads to, its references followed. */
export function schemaAt(schema, path) {
  let node = schema;
  for (const step of path) {
    const at = resolved(schema, node);
    const next =
      step === "[]" ? at.items : (at.properties?.[snake(step)] ?? at.properties?.[step] ?? at.additionalProperties);
    if (!next || typeof next !== "object") {
      return null;
    }
    node = next;
  }
  return resolved(schema, node);
}

function resolved(schema, node) {
  let at = node;
  for (let turns = 0; turns < 32; turns += 1) {
    if (at.$ref) {
      const { $ref: reference, ...beside } = at;
      at = {
        ...reference
          .replace(/^#\//, "")
          .split("/")
          .reduce((inner, key) => inner?.[key] ?? {}, schema),
        ...beside,
      };
    } else if (at.anyOf || at.oneOf) {
      const branches = (at.anyOf ?? at.oneOf).map((branch) => resolved(schema, branch));
      const { anyOf: _any, oneOf: _one, ...beside } = at;
      at = Object.assign({}, ...branches, beside);
    } else {
      return at;
    }
  }
  return at;
}

function keysOf(schema, node, place) {
  const taken = new Set([...place.taken].map(snake));
  return Object.entries(node.properties ?? {})
    .filter(([key, value]) => !taken.has(key) && !value["x-same-as"])
    .map(([key, value]) => {
      const { description = "", type, properties } = resolved(schema, value);
      const nested = !place.flow && (type === "array" || properties);
      return { text: nested ? `${key}:` : `${key}: `, label: key, detail: description };
    });
}

function valuesOf(node, place, text) {
  const last = place.path.at(-1);
  if ((last === "then" || last === "default") && node.type === "string") {
    return [...new Set(namesIn(text))].map((name) => ({ text: name, label: name, detail: "a target of this config" }));
  }
  if (node.enum) {
    return node.enum.map((value) => ({ text: String(value), label: String(value), detail: node.description ?? "" }));
  }
  if (node.type === "boolean") {
    return ["true", "false"].map((value) => ({ text: value, label: value, detail: node.description ?? "" }));
  }
  return (node.examples ?? [])
    .filter((example) => ["string", "number"].includes(typeof example))
    .map((example) => ({
      text: String(example),
      label: String(example),
      detail: `for example; ${node.description ?? ""}`,
    }));
}

function namesIn(text) {
  return [...text.matchAll(NAMES)].map((found) => found[1].trim().replace(/^(["'])(.*)\1$/, "$2"));
}

function asJson({ text, label }) {
  return JSON.stringify(label) + text.slice(label.length);
}

function starts(option, wanted) {
  return option.label.toLowerCase().startsWith(wanted) ? 1 : 0;
}

function snake(key) {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
