// "What if": each target of a route, and what it is taken to answer, for requests of this column alone.

import { h } from "../../dom.js";
import { field, oneOf } from "../../field.js";

const ANSWERS = [
  ["", "as it is"],
  ["503", "answers 503"],
  ["429", "answers 429"],
  ["500", "answers 500"],
  ["401", "answers 401"],
  ["timeout", "times out, in its whole time"],
  ["unreachable", "is unreachable"],
];
// A name that the header's own signs are in cannot be told by it; the path can.
const PLAIN = /^[\w.:/@+-]+$/;

/** Returns the panel's element, `follow(tree)` and `header()`. */
export function whatIf({ onChange }) {
  const list = h("div", { class: "what-if-targets" });
  const badge = h("span", { class: "badge warn", hidden: true });
  const element = h("details", { class: "what-if" }, h("summary", null, "What if … ", badge), list);
  let chosen = [];
  return { element, follow, header };

  function follow(tree) {
    const targets = tree === null ? [] : targetsOf(tree);
    const names = targets.map((target) => target.name);
    chosen = targets.map((target) => ({
      key:
        PLAIN.test(target.name ?? "") && names.indexOf(target.name) === names.lastIndexOf(target.name)
          ? target.name
          : target.path,
      select: oneOf(ANSWERS, "", { on: { change: changed } }),
      title: target.name ?? target.model ?? target.provider ?? target.path,
    }));
    list.replaceChildren(...chosen.map(({ title, select }) => field(title, select)));
    if (targets.length === 0) list.append(h("p", { class: "muted" }, "Nobody knows the targets of this route."));
    changed();
  }

  function header() {
    return chosen.flatMap(({ key, select }) => (select.value === "" ? [] : [`${key}=${select.value}`])).join(",");
  }

  function changed() {
    const number = chosen.filter(({ select }) => select.value !== "").length;
    badge.hidden = number === 0;
    badge.textContent = number === 1 ? "1 target assumed" : `${number} targets assumed`;
    onChange();
  }
}

function targetsOf(node) {
  return node.mode === "target" ? [node] : (node.children ?? []).flatMap(targetsOf);
}
