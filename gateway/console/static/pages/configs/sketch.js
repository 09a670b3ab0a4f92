// The tree beside the text: drawn as one types, and kept in sight while the text cannot be read.

import { h, mount, waiting } from "../../dom.js";
import { drawTree } from "../../tree.js";
import { errorsOf } from "./checking.js";
import { worstCase } from "./worst.js";

const UNREAD = "The tree is drawn once the text can be read.";
const STALE = "The text cannot be read right now: this is the tree as it was before.";
const SETTINGS = "There is no tree: this config holds settings alone, and each request names its own target.";

/** Returns the card that follows the checks of a board. */
export function sketch(board) {
  const body = h("div", null, waiting("Waiting for the gateway to read it …"));
  const worst = h("p", { class: "muted worst" });
  const stale = h("p", { class: "note warn", hidden: true }, STALE);
  let drawn = null;
  board.onChecked(({ state, result }) => {
    if (state !== "known") return;
    stale.hidden = Boolean(result.tree) || drawn === null;
    worst.hidden = !result.tree;
    if (!result.tree) {
      if (drawn === null) mount(body, h("p", { class: "muted" }, errorsOf(result).length ? UNREAD : SETTINGS));
      return;
    }
    worst.textContent = result.worst_case ? worstCase(result.worst_case) : "";
    const now = JSON.stringify(result.tree);
    if (now === drawn) return;
    drawn = now;
    mount(body, drawTree(result.tree, { label: "The route of this config" }));
  });
  return h("section", { class: "card sketch", "aria-label": "Tree" }, h("h3", null, "Tree"), worst, stale, body);
}
