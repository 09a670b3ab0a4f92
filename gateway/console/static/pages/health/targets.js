// The targets that were asked lately: which are well, how busy they are, and how long they take.

import { empty, h } from "../../dom.js";
import { count, ms } from "../../format.js";

const KINDS = { well: "ok", sick: "bad", trying: "warn", "left alone": "warn" };
const MEANINGS = {
  well: "It answers.",
  sick: "Its breaker is open: it failed too often, and others are asked before it.",
  trying: "Its breaker lets one request through, to see whether it is well again.",
  "left alone": "It asked to be left alone for a while (Retry-After).",
  "not asked yet": "No request went there since the gateway started.",
};
const TIMED = new Set(["sick", "trying", "left alone"]);

/** Returns the table of targets whose words hold what is wanted, the sick first, as they come. */
export function targetsOf({ data: all = [], workers, workers_heard: heard }, wanted) {
  if (!all.length) return empty("No config has a target with credentials of the gateway's own.");
  const rows = all.filter((row) => !wanted || Object.values(row).join(" ").toLowerCase().includes(wanted));
  if (!rows.length) return empty("No target has these words.");
  const head = ["State", "Target", "Provider", "Model", "Config", "Host", "In flight", "Latency", "95 %"];
  const numbers = new Set(["In flight", "Latency", "95 %"]);
  const some = heard < workers ? `As ${heard} of ${workers} workers know them: the others were not heard of.` : null;
  const headings = head.map((word) => h("th", { scope: "col", class: numbers.has(word) ? "num" : null }, word));
  const table = h(
    "table",
    { class: "table" },
    h("thead", null, h("tr", null, headings)),
    h(
      "tbody",
      null,
      rows.map((row) => line(row, heard)),
    ),
  );
  return [
    some ? h("p", { class: "muted" }, some) : null,
    h("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "Table of targets" }, table),
  ];
}

function line(row, heard) {
  const { state, for_seconds: lasts, in_workers: alike, in_flight: busy, max_in_flight: most } = row;
  const since =
    lasts > 0 && TIMED.has(state) ? h("span", { class: "muted" }, ` for another ${ms(lasts * 1000)}`) : null;
  const differ =
    TIMED.has(state) && alike < heard ? h("span", { class: "muted" }, ` in ${alike} of ${heard} workers`) : null;
  const known = h(
    "span",
    { class: `badge ${KINDS[state] ?? "dim"}`, title: MEANINGS[state] ?? null },
    state ?? "unknown",
  );
  return h(
    "tr",
    { "data-state": state },
    h("td", null, known, differ, since),
    h("td", { title: uses(row) }, row.name ?? row.virtual_key ?? "–", more(row)),
    h("td", null, row.provider ?? "–"),
    h("td", null, row.model ?? h("span", { class: "muted" }, "as asked")),
    h("td", null, row.config ? h("a", { href: `#/configs/${encodeURIComponent(row.config)}` }, row.config) : "–"),
    h("td", { class: "host" }, row.host ?? h("span", { class: "muted" }, "in this process")),
    h("td", { class: "num" }, typeof most === "number" ? [count(busy), " of ", count(most * heard)] : count(busy)),
    h("td", { class: "num" }, ms(row.latency_ms)),
    h("td", { class: "num" }, ms(row.p95_ms)),
  );
}

/** Several targets of several configs may lead to the same provider, host and credential. */
function more({ used_by: all = [] }) {
  return all.length > 1 ? h("span", { class: "muted" }, ` and ${count(all.length - 1)} more`) : null;
}

function uses({ used_by: all = [] }) {
  return all.map(({ config, name }) => `${config ?? "inline"}: ${name}`).join(", ");
}
