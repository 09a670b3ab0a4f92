// A form in a dialog: it stays open, with what was typed, until the server has taken it.

import { errorBox, h, mount } from "../../dom.js";
import { Slip } from "../../field.js";

let last = 0;

/** Shows the form; `send` is called with nothing, may throw, and its result is returned; null where it was left. */
export function formDialog({ title, fields, yes, send }) {
  return new Promise((resolve) => {
    last += 1;
    const id = `form-dialog-${last}`;
    const said = h("div");
    const accept = h("button", { class: "button primary", type: "submit" }, yes);
    const leave = h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Cancel");
    const form = h(
      "form",
      { class: "key-form", novalidate: true, on: { submit } },
      h("h2", { id }, title),
      fields,
      said,
      h("div", { class: "toolbar end" }, leave, accept),
    );
    const dialog = h("dialog", { class: "dialog wide key-dialog", "aria-labelledby": id }, form);
    let result = null;
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
    form.querySelector("input, select, textarea")?.focus();

    async function submit(event) {
      event.preventDefault();
      accept.disabled = true;
      mount(said);
      try {
        result = await send();
        dialog.close();
      } catch (error) {
        mount(said, errorBox(error));
        if (error instanceof Slip) error.input.focus();
      } finally {
        accept.disabled = false;
      }
    }
  });
}
