// Whether the gateway is ready, what it is at, and what it has to say of its files and its database.

import { badge, h } from "../../dom.js";
import { count } from "../../format.js";

const FEW = 3;
const LOST =
  "The database does not answer; configs and keys stay as they are, and records wait on disk. See that it runs, " +
  "and that the gateway may reach it.";
const TROUBLED = new Set(["sick", "trying", "left alone"]);

/** Returns the state as `/readyz` tells it, with the figures that `/v1/health/targets` has, if it answered. */
export function readinessOf(ready, { in_flight: inFlight, waiting, workers, data } = {}) {
  const records = ready.records ?? {};
  const sick = (data ?? []).filter(({ state }) => TROUBLED.has(state)).length;
  const stats = [
    ["Gateway", badge(ready.status ?? "unknown", ready.status === "ready" ? "ok" : "bad")],
    [
      "Database",
      badge(ready.store ?? "unknown", ready.store === "open" ? "ok" : ready.store === "none" ? "dim" : "bad"),
    ],
    ["Requests under way", number(inFlight)],
    ["Waiting for a seat", number(waiting)],
    ["Targets not well", data ? badge(sick ? count(sick) : "none", sick ? "bad" : "ok") : null],
    ["Workers", number(workers)],
    ["Records on their way", number(records.waiting)],
    ["Records lost", records.dropped ? badge(count(records.dropped), "bad") : number(records.dropped)],
    ["Configs in files", number(ready.configs?.length)],
    ["Reloads", reloads(ready)],
  ];
  const known = stats.filter(([, value]) => value !== null);
  return [troubles(ready), h("div", { class: "card stats" }, known.map(stat)), problems(ready)];
}

function stat([name, value]) {
  return h("div", { class: "stat" }, h("div", { class: "value" }, value), h("span", null, name));
}

function number(value) {
  return typeof value === "number" ? count(value) : null;
}

function reloads({ reloads: all, failed_reloads: failed }) {
  if (typeof all !== "number") return null;
  return failed ? [count(all), " ", badge(`${count(failed)} failed`, "warn")] : count(all);
}

function troubles({ store, status }) {
  const told = [
    status === "stopping" ? "The gateway is stopping: it answers what is under way, and takes nothing new." : null,
    store === "lost" ? LOST : null,
  ].filter(Boolean);
  return told.map((text) => h("div", { class: "error-box", role: "alert" }, text));
}

function problems({ problems: all = [] }) {
  if (!all.length) return null;
  const many = `${count(all.length)} ${all.length === 1 ? "problem" : "problems"} in the files of configs`;
  return h(
    "details",
    { class: "card problems", open: all.length <= FEW },
    h("summary", null, badge(many, "warn"), " What they are in is not in force; what was good before still is."),
    h(
      "ul",
      { class: "mono" },
      all.map((problem) => h("li", null, problem)),
    ),
  );
}
