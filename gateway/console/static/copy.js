// A button that copies a text, also where the browser has no clipboard to offer, as over plain HTTP.

import { h, toast } from "./dom.js";

/** Returns the button; `text` returns what is copied. */
export function copyButton(label, text) {
  return h("button", { class: "button small", type: "button", on: { click: () => copy(text(), label) } }, label);
}

async function copy(text) {
  const done = await (navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  ) ?? false);
  if (done || byHand(text)) toast("Copied.", "ok");
  else toast("This browser does not let pages copy. Select the text and copy it yourself.", "warn");
}

function byHand(text) {
  const before = document.activeElement;
  const area = h("textarea", { class: "visually-hidden", "aria-hidden": "true", readOnly: true, value: text });
  // A dialog makes everything outside it inert, so the text has to be where the focus is.
  (before?.closest("dialog") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus();
  return done;
}
