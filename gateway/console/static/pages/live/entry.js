// One request in the list: a line that opens to the way it took.

import { badge, h } from "../../dom.js";
import { kindOfStatus, ms, usd, when } from "../../format.js";
import { drawTrace } from "../../trace.js";
import { isUnderWay } from "../../trace/facts.js";
import { endOf } from "../../tree/tries.js";

const SIGNS = { answered: "✓", failed: "✕", "given up": "–", "under way": "…" };
let entries = 0;

/** Returns the entry of a request, `open` or closed. */
export function entryOf(row, { signal, open: begins = false }) {
  entries += 1;
  const id = `entry-${entries}`;
  const details = h("div", { class: "entry-details", id, hidden: true });
  const button = h(
    "button",
    { class: "entry-line", type: "button", "aria-expanded": "false", "aria-controls": id },
    h("time", { class: "mono", datetime: row.created_at }, when(row.created_at)),
    statusOf(row),
    h("span", { class: "entry-prompt" }, row.prompt || h("span", { class: "muted" }, row.operation ?? "request")),
    h("span", { class: "entry-way" }, wayOf(row)),
    h(
      "span",
      { class: "entry-marks" },
      row.rescued ? badge("rescued", "ok") : null,
      row.maybe_billed ? badge("maybe billed", "warn") : null,
    ),
    h("span", { class: "num", "data-lasts": true }, ms(row.response_time)),
    h("span", { class: "num" }, usd(row.cost_usd)),
  );
  const entry = h("li", { class: "entry", "data-request": row.id }, button, details);
  function turn(open) {
    details.hidden = !open;
    entry.classList.toggle("open", open);
    button.setAttribute("aria-expanded", String(open));
    if (open && !details.hasChildNodes()) drawTrace(details, row, { signal });
    // What could not be fetched is asked for again when it is opened again.
    if (!open && details.querySelector(".error-box")) details.replaceChildren();
  }
  button.addEventListener("click", () => turn(details.hidden));
  if (begins) turn(true);
  return entry;
}

function statusOf(row) {
  if (isUnderWay(row)) return badge("…", "info");
  return badge(row.response_status_code ?? "–", kindOfStatus(row.response_status_code));
}

function wayOf(row) {
  const attempts = row.details?.attempts;
  if (!attempts?.length) {
    return [row.config, row.target ?? row.ai_org ?? row.cause ?? row.code].filter(Boolean).join(" › ") || "–";
  }
  const tried = attempts.slice(-4).map((each) => `${each.target ?? each.provider} ${SIGNS[endOf(each)]}`);
  if (attempts.length > 4) tried.unshift("…");
  return tried.join(" › ");
}
