// A named field of a form: its label, what is typed into or chosen from, and a hint for whoever wonders.

import { h } from "./dom.js";

let last = 0;

/** What somebody typed cannot be sent: says why, and which input it is in. */
export class Slip extends Error {
  constructor(message, input) {
    super(message);
    this.name = "Slip";
    this.input = input;
  }
}

/** Returns an input with its label above it, and a hint below it. */
export function field(label, input, { hint } = {}) {
  last += 1;
  input.id = `field-${last}`;
  const said = hint ? h("p", { id: `${input.id}-hint`, class: "hint muted" }, hint) : null;
  if (said) input.setAttribute("aria-describedby", said.id);
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input, said);
}

/** Returns a box to tick, with its label beside it. */
export function tick(label, checked, value) {
  return h("label", { class: "tick" }, h("input", { type: "checkbox", value, checked }), h("span", null, label));
}

/** Returns a list to choose one of; options are texts, or pairs of a value and what is shown for it. */
export function oneOf(options, value, props = {}) {
  const made = options.map((each) => {
    const [key, text] = Array.isArray(each) ? each : [each, each];
    return h("option", { value: key }, text);
  });
  return h("select", { ...props, value }, made);
}

/** Returns what a number's input says, null where it is empty; throws `Slip`. */
export function numberIn(input, name, { whole = false, least = 0, most = Infinity } = {}) {
  const text = input.value.trim();
  if (text === "" && !input.validity.badInput) return null;
  const number = Number(text);
  const fits = Number.isFinite(number) && number >= least && number <= most && (!whole || Number.isSafeInteger(number));
  if (text === "" || !fits) {
    const reach = most === Infinity ? `from ${least} on` : `from ${least} to ${most}`;
    throw new Slip(`${name}: write ${whole ? "a whole number" : "a number"} ${reach}, or leave it empty.`, input);
  }
  return number;
}

/** Returns what an input says of metadata: an object of texts; throws `Slip`. */
export function metadataIn(input) {
  const text = input.value.trim();
  if (text === "") return {};
  let found = null;
  try {
    found = JSON.parse(text);
  } catch {
    // told below, like everything that is no object
  }
  if (found === null || typeof found !== "object" || Array.isArray(found)) {
    throw new Slip('Metadata: write a JSON object, such as {"plan": "pro"}, or leave it empty.', input);
  }
  for (const [name, value] of Object.entries(found)) {
    if (typeof value !== "string")
      throw new Slip(`Metadata: the value of ${name} has to be a text; put it in quotes.`, input);
  }
  return found;
}
