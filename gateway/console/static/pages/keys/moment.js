// A moment as an input of the browser takes it, in the time of whoever looks.

import { h } from "../../dom.js";
import { Slip } from "../../field.js";

/** Returns an input for a moment; it holds one that is given as ISO 8601. */
export function momentInput(iso) {
  return h("input", { type: "datetime-local", value: iso ? local(new Date(iso)) : "" });
}

/** Returns the moment as ISO 8601, null where none is said; throws `Slip`. */
export function momentIn(input, name) {
  if (input.value === "" && !input.validity.badInput) return null;
  const moment = new Date(input.value);
  if (input.value === "" || Number.isNaN(moment.getTime()))
    throw new Slip(`${name}: write a day and a time, or leave it empty.`, input);
  return moment.toISOString();
}

function local(moment) {
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
