// The log: requests that pass the filters, in pages, and one of them in full.

import { api } from "../api.js";
import { empty, errorBox, h, mount, waiting } from "../dom.js";
import { count } from "../format.js";
import { drawTrace } from "../trace.js";
import { filterForm } from "./logs/filters.js";
import { tableOf } from "./logs/table.js";

export const title = "Logs";

const PAGE_SIZE = 50;
let lastList = "/logs";

/** Draws the list, or the request that the address names. */
export async function show(root, { params, query, signal, navigate }) {
  if (params.id) await one(root, params.id, signal);
  else await list(root, query, signal, navigate);
}

async function one(root, id, signal) {
  const box = h("article", { class: "card", "aria-label": `Request ${id}` }, waiting("Waiting for the request …"));
  const back = h("a", { class: "button", href: `#${lastList}` }, "Back to the list");
  mount(root, h("div", { class: "toolbar" }, back, h("span", { class: "muted mono" }, id)), box);
  await drawTrace(box, { id }, { signal, linked: false });
}

async function list(root, query, signal, navigate) {
  lastList = query.size ? `/logs?${query}` : "/logs";
  const found = h("div", { class: "found" }, waiting("Waiting for the log …"));
  const form = filterForm(query, (filters) => navigate(filters.size ? `/logs?${filters}` : "/logs"));
  mount(root, form, found);
  const asked = new URLSearchParams(query);
  asked.set("page_size", String(PAGE_SIZE));
  try {
    const { total, data, next } = await api(`/v1/logs?${asked}`, { signal });
    mount(found, summary(total, query), data.length ? tableOf(data, navigate) : none(query), pager(query, next));
  } catch (error) {
    if (!signal.aborted) mount(found, errorBox(error));
  }
}

function summary(total, query) {
  const filtered = [...query.keys()].some((name) => name !== "after");
  const words = `${count(total)} ${total === 1 ? "request" : "requests"}${filtered ? " pass these filters" : ""}`;
  return h("p", { class: "muted", role: "status" }, words);
}

function none(query) {
  if (!query.size) {
    return empty(
      "Nothing was asked of this gateway yet.",
      h("a", { href: "#/playground" }, "Paint a picture in the Playground"),
    );
  }
  return empty("No request passes these filters.", h("a", { href: "#/logs" }, "Show all"));
}

function pager(query, next) {
  const newest = new URLSearchParams(query);
  newest.delete("after");
  const older = new URLSearchParams(query);
  older.set("after", next ?? "");
  if (!next && !query.has("after")) return null;
  return h(
    "nav",
    { class: "toolbar pager", "aria-label": "Pages of the log" },
    query.has("after") ? h("a", { class: "button", href: `#/logs${newest.size ? `?${newest}` : ""}` }, "Newest") : null,
    next
      ? h("a", { class: "button", href: `#/logs?${older}` }, "Older")
      : h("span", { class: "muted" }, "This is the end of the log."),
  );
}
