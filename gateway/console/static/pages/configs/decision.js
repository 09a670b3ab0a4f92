// A question with more to look at than a sentence: a dialog with a title, what it is about, and a yes that may be checked.

import { h, mount } from "../../dom.js";

/** Asks, and returns whether the answer was yes; `fault()` returns what is missing for a yes, Escape is no. */
export function decided(title, content, { yes, no = "Cancel", danger = false, fault = () => null }) {
  return new Promise((resolve) => {
    const said = h("div", { role: "alert" });
    const refuse = h("button", { class: "button", type: "button", on: { click: () => dialog.close("no") } }, no);
    const accept = h("button", { class: danger ? "button danger" : "button primary", type: "submit" }, yes);
    const form = h(
      "form",
      { method: "dialog", on: { submit } },
      h("h2", { id: "decision-title" }, title),
      content,
      said,
      h("div", { class: "toolbar end" }, refuse, accept),
    );
    const dialog = h("dialog", { class: "dialog decision", "aria-labelledby": "decision-title" }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    (dialog.querySelector("input, textarea, select") ?? (danger ? refuse : accept)).focus();

    function submit(event) {
      event.preventDefault();
      const words = fault();
      if (words) mount(said, h("p", { class: "error-box" }, words));
      else dialog.close("yes");
    }
  });
}
