// Rows of a form that can be added and taken away.

import { h } from "../../dom.js";

/** Returns `{element, add, values}`; `make(given)` returns `{element, value}` of one row. */
export function rows({ legend, add: word, make, begin = [], most = 20, none = null }) {
  const kept = [];
  const list = h("div", { class: "rows" });
  const nothing = none ? h("p", { class: "muted" }, none) : null;
  const more = h("button", { class: "button small", type: "button", on: { click: () => add(undefined, true) } }, word);
  const element = h("fieldset", null, h("legend", null, legend), nothing, list, more);

  function add(given, focus = false) {
    const row = make(given);
    const away = h(
      "button",
      { class: "button quiet small", type: "button", "aria-label": `Remove from ${legend}` },
      "×",
    );
    const drawn = h("div", { class: "row" }, row.element, away);
    away.addEventListener("click", () => {
      kept.splice(kept.indexOf(row), 1);
      drawn.remove();
      seen();
      more.focus();
    });
    kept.push(row);
    list.append(drawn);
    seen();
    if (focus) drawn.querySelector("input, select, textarea")?.focus();
  }

  function seen() {
    if (nothing) nothing.hidden = kept.length > 0;
    more.disabled = kept.length >= most;
  }

  begin.forEach((given) => add(given));
  seen();
  return { element, add, values: () => kept.map((row) => row.value()) };
}
