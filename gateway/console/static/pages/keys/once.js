// A new key, which is shown this once: nobody can read it again.

import { copyButton } from "../../copy.js";
import { h } from "../../dom.js";

/** Shows a key until whoever made it says that it is kept. */
export function showOnce(title, key, ...more) {
  return new Promise((resolve) => {
    const text = h("input", { class: "mono", value: key, readOnly: true, "aria-label": "Key", id: "new-key" });
    const close = h(
      "button",
      { class: "button primary", type: "button", on: { click: () => dialog.close() } },
      "I have kept it",
    );
    const dialog = h(
      "dialog",
      { class: "dialog key-dialog", closedby: "none", "aria-labelledby": "once-title", on: { keydown: stay } },
      h("h2", { id: "once-title" }, title),
      h(
        "p",
        { class: "once-warning" },
        "Copy it now: it is shown this once. The gateway keeps a digest alone, and nobody can read the key again.",
      ),
      h(
        "div",
        { class: "once-key" },
        text,
        copyButton("Copy", () => key),
      ),
      more,
      h("div", { class: "toolbar end" }, close),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
    text.focus();
    text.select();
  });
}

// Escape is pressed by accident, and there would be no way back; browsers let a second one through `cancel`.
function stay(event) {
  if (event.key === "Escape") event.preventDefault();
}
