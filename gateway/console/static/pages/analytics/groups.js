// What was asked for and spent by model, provider, user or config, as a table.

import { api } from "../../api.js";
import { empty, h } from "../../dom.js";
import { count, ms, percent, usd, when } from "../../format.js";

const PAGE = 50;

/** What can be grouped by: its path, its name, and the filter of the log that leads to the requests of a group. */
export const GROUPS = {
  "ai-models": ["model", "ai_model"],
  providers: ["provider", "ai_org"],
  users: ["user", null],
  configs: ["config", "configs"],
  "virtual-keys": ["virtual key", "virtual_keys"],
  "api-keys": ["API key", "api_key_ids"],
  status_code: ["status", "status_code"],
};

/** Returns the table of a grouping; `order` is a column that the gateway sorts by. */
export async function groupsTable(by, order, span, signal) {
  const { data, total } = await api(`/v1/analytics/groups/${by}?${span}&order_by=${order}&page_size=${PAGE}`, {
    signal,
  });
  const [word, filter] = GROUPS[by];
  if (data.length === 0) return empty(`No request of this time names a ${word}.`);
  const head = [word, "requests", "pictures", "cost", "errors", "mean time", "rescued", "cache hits", "last"];
  const caption = total > data.length ? `By ${word}: the first ${data.length} of ${count(total)}` : `By ${word}`;
  return h(
    "div",
    { class: "table-wrap", tabindex: 0, role: "region", "aria-label": caption },
    h(
      "table",
      { class: "table" },
      h("caption", { class: "muted" }, caption),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          head.map((name, at) => h("th", { scope: "col", class: at ? "num" : null }, name)),
        ),
      ),
      h(
        "tbody",
        null,
        data.map((row) => line(row, filter)),
      ),
    ),
  );
}

function line(row, filter) {
  const [name] = Object.values(row);
  const cells = [
    count(row.requests),
    count(row.total_units),
    usd(row.cost_usd),
    `${count(row.errors)} · ${percent(row.error_rate / 100)}`,
    ms(row.avg_latency),
    count(row.rescued),
    count(row.cache_hits),
    when(row.last_seen),
  ];
  return h(
    "tr",
    null,
    h("th", { scope: "row" }, named(name, filter)),
    cells.map((cell) => h("td", { class: "num" }, cell)),
  );
}

function named(name, filter) {
  if (name === null || name === "") return h("span", { class: "muted" }, "none");
  if (filter === null) return String(name);
  return h("a", { href: `#/logs?${new URLSearchParams({ [filter]: String(name) })}` }, String(name));
}
