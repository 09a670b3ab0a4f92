// How keys are listed: a table with a name for itself, and buttons that say what went wrong.

import { h, toast } from "../../dom.js";

const STATES = { active: "ok", exhausted: "warn", expired: "bad", archived: "dim" };

/** Returns the table; each row is a list of cells, the first of which names it. */
export function keysTable(caption, head, rows) {
  return h(
    "div",
    { class: "table-wrap", tabindex: 0, role: "region", "aria-label": caption },
    h(
      "table",
      { class: "table keys-table" },
      h("caption", { class: "muted" }, caption),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          head.map((name) => h("th", { scope: "col" }, name)),
        ),
      ),
      h("tbody", null, rows.map(line)),
    ),
  );
}

/** Returns the kind of badge that a state has. */
export function kindOfState(state) {
  return STATES[state] ?? "dim";
}

/** Returns a listener that runs something and says in the server's words why it failed. */
export function guarded(run) {
  return async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      await run();
    } catch (error) {
      if (error.name !== "AbortError") toast(error.message, "bad");
    } finally {
      button.disabled = false;
    }
  };
}

function line([first, ...cells]) {
  return h(
    "tr",
    null,
    h("th", { scope: "row" }, first),
    cells.map((cell) => h("td", null, cell)),
  );
}
