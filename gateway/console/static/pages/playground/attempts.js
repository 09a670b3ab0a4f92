// The attempts of a request as a table: for errors, and for routes whose tree nobody knows.

import { h } from "../../dom.js";
import { ms } from "../../format.js";

const NUMBERS = new Set(["Status", "Time"]);

/** Returns the table, null where nothing was tried. */
export function attemptsTable(attempts) {
  if (attempts.length === 0) return null;
  const rows = attempts.map(({ target, provider, status, cause, message, ms: taken }) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, target),
      h("td", null, provider),
      h("td", { class: "num" }, cause === null ? "answered" : (status ?? "–")),
      h("td", null, cause ?? "–", message ? h("div", { class: "muted" }, message) : null),
      h("td", { class: "num" }, ms(taken)),
    ),
  );
  const head = ["Target", "Provider", "Status", "Cause", "Time"].map((name) =>
    h("th", { scope: "col", class: NUMBERS.has(name) ? "num" : null }, name),
  );
  return h(
    "div",
    { class: "table-wrap", tabindex: 0, role: "region", "aria-label": "Attempts" },
    h(
      "table",
      { class: "table" },
      h("caption", { class: "muted" }, "Attempts"),
      h("thead", null, h("tr", null, head)),
      h("tbody", null, rows),
    ),
  );
}
