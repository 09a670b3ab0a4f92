// A page of the log as a table, whose rows open.

import { badge, h } from "../../dom.js";
import { kindOfStatus, ms, usd, when } from "../../format.js";

/** Returns the table. */
export function tableOf(rows, navigate) {
  const head = ["Time", "Status", "Request", "Model", "Provider", "Config", "User", "Tries", "Took", "Cost"];
  const narrow = new Set(["Time", "Status", "Request", "Cost"]);
  const numbers = new Set(["Tries", "Took", "Cost"]);
  const classOf = (word) =>
    [narrow.has(word) ? "" : "wide-only", numbers.has(word) ? "num" : ""].filter(Boolean).join(" ") || null;
  const line = (row) => {
    const href = `/logs/${encodeURIComponent(row.id)}`;
    const cells = {
      Time: h("a", { href: `#${href}` }, when(row.created_at)),
      Status: badge(row.response_status_code ?? "–", kindOfStatus(row.response_status_code)),
      Request: requestOf(row),
      Model: row.ai_model ?? row.asked_model ?? "–",
      Provider: row.ai_org ?? "–",
      Config: row.config ?? "–",
      User: row.user ?? "–",
      Tries: row.attempts ?? 0,
      Took: ms(row.response_time),
      Cost: usd(row.cost_usd),
    };
    const opened = (event) => {
      // A word that somebody marks to copy it is no click on the row.
      if (!event.target.closest("a") && String(getSelection()) === "") navigate(href);
    };
    return h(
      "tr",
      { "data-request": row.id, on: { click: opened } },
      head.map((word) => h("td", { class: classOf(word) }, cells[word])),
    );
  };
  return h(
    "div",
    { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "Requests" },
    h(
      "table",
      { class: "table log" },
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          head.map((word) => h("th", { scope: "col", class: classOf(word) }, word)),
        ),
      ),
      h("tbody", null, rows.map(line)),
    ),
  );
}

function requestOf(row) {
  const marks = [
    row.rescued ? badge("rescued", "ok") : null,
    row.maybe_billed ? badge("maybe billed", "warn") : null,
    row.cache_status === "HIT" ? badge("cache hit", "info") : null,
    row.cause ? badge(row.cause, "bad") : null,
    !row.cause && row.code ? badge(row.code, "bad") : null,
  ];
  return [h("span", { class: "log-prompt" }, row.prompt || row.operation || "request"), " ", marks];
}
