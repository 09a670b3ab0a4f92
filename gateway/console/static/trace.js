// One request as it went: what was asked, the way it took through its route, what came of it and what it cost.

import { api } from "./api.js";
import { badge, errorBox, h, mount, waiting } from "./dom.js";
import { usd } from "./format.js";
import { factsOf, isUnderWay } from "./trace/facts.js";
import { picturesOf } from "./trace/pictures.js";
import { routeOf } from "./trace/route.js";
import { drawTree, hasPlaces } from "./tree.js";
import { treeOfAttempts } from "./tree/tried.js";

/** Draws a request into `root`; a row of the log without details is asked for them. */
export async function drawTrace(root, row, { signal, linked = true } = {}) {
  mount(root, waiting("Waiting for the request's details …"));
  let whole = row;
  if (!row.details) {
    try {
      whole = await api(`/v1/logs/${encodeURIComponent(row.id)}`, { signal });
    } catch (error) {
      if (signal?.aborted) return;
      // A record is on its way to the database for a moment; what the stream told is whole already.
      mount(root, errorBox(error));
      return;
    }
  }
  const details = whole.details ?? {};
  const route = h("div", { class: "trace-route" }, waiting("Waiting for the route …"));
  const pictures = h("div", { class: "trace-pictures" });
  mount(
    root,
    h(
      "div",
      { class: "trace", "data-trace": whole.trace_id },
      whole.prompt ? h("blockquote", { class: "prompt" }, whole.prompt) : null,
      pictures,
      marks(whole, details),
      h("section", { "aria-label": "Route" }, h("h3", null, "The way it took"), route),
      changes(details.adaptations),
      h("section", { "aria-label": "Facts" }, h("h3", null, "Facts"), factsOf(whole)),
      links(whole, linked),
    ),
  );
  await Promise.all([drawRoute(route, whole, details, signal), picturesOf(pictures, whole, details, signal)]);
}

async function drawRoute(root, row, details, signal) {
  const { attempts = [], passed_over: passedOver = {} } = details;
  const found = await routeOf(row, signal);
  if (signal?.aborted) return;
  const chosen = row.is_success ? (row.target ?? undefined) : undefined;
  const lasts = isUnderWay(row) ? row.response_time : 1;
  const fits = found.tree && hasPlaces(found.tree, attempts);
  const tried = attempts.length > 0 || Object.keys(passedOver).length > 0;
  const tree = fits ? found.tree : tried ? treeOfAttempts(attempts, passedOver) : found.tree;
  const told =
    found.told ?? (fits || !found.tree ? null : "The route has changed since: the tree shows what was tried.");
  mount(
    root,
    told && tried ? h("p", { class: "muted" }, told) : null,
    tree
      ? drawTree(tree, { attempts, passedOver, chosen, lasts, label: `Route of ${row.config ?? "this request"}` })
      : h("p", { class: "muted" }, untried(details)),
  );
}

function untried({ replayed }) {
  return replayed ? "Nothing was sent: the answer of an earlier request was given again." : "Nothing was tried.";
}

function marks(row, details) {
  const words = [
    row.rescued ? badge("rescued", "ok") : null,
    row.maybe_billed ? badge(`maybe billed: ${row.maybe_billed}`, "warn") : null,
    row.cache_status && row.cache_status !== "DISABLED"
      ? badge(`cache ${row.cache_status.toLowerCase()}`, "info")
      : null,
    row.saved_usd ? badge(`saved ${usd(row.saved_usd)}`, "ok") : null,
    details.assumed ? badge(`assumed: ${details.assumed}`, "info") : null,
    details.replayed ? badge("answered again by its idempotency key", "info") : null,
    row.cause || row.code ? badge([row.cause, row.code].filter(Boolean).join(" · "), "bad") : null,
  ].filter(Boolean);
  return words.length ? h("div", { class: "chips" }, words) : null;
}

function changes(adaptations) {
  if (!adaptations?.length) return null;
  return h(
    "section",
    { "aria-label": "Adaptations" },
    h("h3", null, "What was changed to fit the model"),
    h(
      "ul",
      null,
      adaptations.map((each) => h("li", null, typeof each === "string" ? each : JSON.stringify(each))),
    ),
  );
}

function links(row, linked) {
  const kept = !isUnderWay(row);
  const trace = `#/logs?${new URLSearchParams({ trace_id: row.trace_id ?? "" })}`;
  return h(
    "p",
    { class: "chips" },
    linked && kept ? h("a", { href: `#/logs/${encodeURIComponent(row.id)}` }, "Open in Logs") : null,
    row.trace_id && kept ? h("a", { href: trace }, "All requests of this trace") : null,
    row.config ? h("a", { href: `#/configs/${encodeURIComponent(row.config)}` }, `Config ${row.config}`) : null,
  );
}
