// Explain: where a request would go through this config, and why, with nothing sent and nothing spent.

import { api } from "../../api.js";
import { badge, errorBox, h, mount, waiting } from "../../dom.js";
import { drawTree } from "../../tree.js";
import { addButton } from "./tests.js";
import { worstCase } from "./worst.js";

const CACHES = { DISABLED: "no cache", MISS: "not in the cache", HIT: "answered by the cache" };

/** Returns the panel of a config's board. */
export function explainPanel(board) {
  const said = h("div", { class: "result", "aria-live": "polite" });
  const ask = h("button", { class: "button primary", type: "button", on: { click: run } }, "Explain");
  const add = addButton(board, "Add a test from this request");
  board.run.explain = run;
  let asked = new AbortController();

  async function run() {
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    board.signal.addEventListener("abort", () => asked.abort(), { once: true });
    let body;
    try {
      body = { ...board.subject(), ...board.request.value() };
    } catch (error) {
      mount(said, errorBox(error));
      return;
    }
    mount(said, waiting("Waiting for the story of this request …"));
    try {
      const story = await api("/v1/explain", { method: "POST", body, signal });
      mount(said, drawn(story));
    } catch (error) {
      if (!signal.aborted) mount(said, errorBox(error));
    }
  }

  return h(
    "div",
    null,
    board.request.element,
    h(
      "div",
      { class: "toolbar buttons" },
      ask,
      add,
      h("span", { class: "muted" }, "Nothing is sent, nothing is spent."),
    ),
    said,
  );
}

/** Returns a story as it is told: what the cache says, what it may take at worst, and the walked tree. */
export function drawn(story) {
  const { cache, worst_case: worst, request, metadata, tree } = story;
  return h(
    "div",
    { class: "story" },
    h(
      "div",
      { class: "chips" },
      cache ? badge(CACHES[cache] ?? `cache: ${cache}`, cache === "HIT" ? "ok" : "dim") : null,
      worst ? h("span", { class: "chip" }, worstCase(worst)) : null,
    ),
    drawTree(tree, { explain: true, label: "The way of this request" }),
    h(
      "details",
      null,
      h("summary", null, "The request and the whole story as JSON"),
      h(
        "pre",
        { class: "mono", tabindex: "0", "aria-label": "Request" },
        JSON.stringify({ request, metadata }, null, 2),
      ),
      h("pre", { class: "mono", tabindex: "0", "aria-label": "Story" }, JSON.stringify(tree, null, 2)),
    ),
  );
}
