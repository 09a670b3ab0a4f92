// What is recorded of a request, in two columns.

import { badge, h } from "../dom.js";
import { count, kindOfStatus, ms, usd } from "../format.js";

/** Returns whether a request has no answer yet: what is told of it is how it stands. */
export function isUnderWay(row) {
  return row.object === "log.under_way";
}

/** Returns the facts of a row of the log; what is not known is left out. */
export function factsOf(row) {
  const rows = [
    [
      "Status",
      row.response_status_code ? badge(row.response_status_code, kindOfStatus(row.response_status_code)) : null,
    ],
    [
      "Time",
      row.created_at ? h("time", { datetime: row.created_at }, new Date(row.created_at).toLocaleString()) : null,
    ],
    ["Operation", row.operation],
    ["Model", modelOf(row)],
    ["Provider", row.ai_org],
    ["Target", row.target],
    ["Virtual key", row.virtual_key],
    ["Config", row.config ? [row.config, row.config_version ? ` (${row.config_version})` : ""] : null],
    [isUnderWay(row) ? "So far" : "Took", typeof row.response_time === "number" ? timesOf(row) : null],
    ["Cost", costOf(row)],
    ["Pictures", !isUnderWay(row) && typeof row.total_units === "number" ? count(row.total_units) : null],
    ["Size", row.size],
    ["User", row.user],
    ["API key", row.api_key],
    ["Workspace", row.workspace_id],
    ["Metadata", row.metadata && Object.keys(row.metadata).length ? metadataOf(row.metadata) : null],
    ["Trace", row.trace_id ? h("span", { class: "mono" }, row.trace_id) : null],
  ];
  return h(
    "dl",
    { class: "facts" },
    rows
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([name, value]) => [h("dt", null, name), h("dd", null, value)]),
  );
}

function costOf(row) {
  if (isUnderWay(row)) return null;
  return typeof row.cost_usd === "number" ? usd(row.cost_usd) : "not known";
}

function modelOf({ asked_model: asked, ai_model: got }) {
  return asked && got && asked !== got ? `${got}, asked for ${asked}` : (got ?? asked);
}

function timesOf(row) {
  const { response_time: all, upstream_time: upstream, queue_time: queued } = row;
  const parts = [
    !isUnderWay(row) && typeof upstream === "number" ? `${ms(upstream)} at providers` : null,
    queued ? `${ms(queued)} waiting for a seat` : null,
  ].filter(Boolean);
  return parts.length ? `${ms(all)} (${parts.join(", ")})` : ms(all);
}

function metadataOf(metadata) {
  return h(
    "span",
    { class: "chips" },
    Object.entries(metadata).map(([name, value]) => h("span", { class: "chip" }, `${name}: ${value}`)),
  );
}
