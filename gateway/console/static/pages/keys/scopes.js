// What an API key may do, as boxes to tick.

import { h } from "../../dom.js";
import { Slip, tick } from "../../field.js";

const CRUD = ["create", "read", "update", "delete", "list"];
const GROUPS = [
  ["Pictures", ["completions.write", "feedback.write"]],
  ["Logs and figures", ["logs.list", "logs.view", "logs.export", "logs.write", "analytics.view"]],
  ["Configs", CRUD.map((act) => `configs.${act}`)],
  ["Virtual keys", CRUD.map((act) => `virtual_keys.${act}`)],
  ["API keys", CRUD.map((act) => `workspace_service_api_keys.${act}`)],
];
const USUAL = ["completions.write", "feedback.write"];

/** Returns the boxes' element, and `read()`, which throws `Slip`. */
export function scopesForm(chosen = USUAL) {
  const known = new Set(GROUPS.flatMap(([, scopes]) => scopes));
  const others = chosen.filter((scope) => !known.has(scope));
  const groups = others.length ? [...GROUPS, ["Others", others]] : GROUPS;
  const element = h(
    "fieldset",
    { class: "scopes" },
    h("legend", null, "Scopes: what it may do"),
    groups.map(([name, scopes]) =>
      h(
        "div",
        { role: "group", "aria-label": name },
        h("div", { class: "label" }, name),
        scopes.map((scope) => tick(scope, chosen.includes(scope), scope)),
      ),
    ),
  );
  const boxes = [...element.querySelectorAll("input")];
  return { element, read };

  function read() {
    const ticked = boxes.filter((box) => box.checked).map((box) => box.value);
    if (ticked.length === 0) throw new Slip("Scopes: tick at least one; completions.write is for pictures.", boxes[0]);
    return ticked;
  }
}
