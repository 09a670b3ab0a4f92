// What came of a simulation: the figures, what each target did, and how all of it went over time.

import { badge, h } from "../../dom.js";
import { count, ms, percent, usd } from "../../format.js";
import { overTime } from "./over_time.js";

const seconds = (x) => ms(typeof x === "number" ? x * 1000 : null);
// With each figure, whether more of it is better (1) or worse (-1).
const FIGURES = [
  ["success_rate", "answered with a picture", percent, 1],
  ["p50", "half within (p50)", seconds, -1],
  ["p95", "95 % within (p95)", seconds, -1],
  ["p99", "99 % within (p99)", seconds, -1],
  ["cost_usd", "spent", usd, -1],
  ["at_risk_usd", "maybe billed for nothing", usd, -1],
  ["rescued", "rescued by another target", count, 0],
  ["maybe_billed", "requests maybe billed in vain", count, -1],
  ["attempts_per_request", "attempts a request", (x) => (x === undefined ? "–" : x.toFixed(2)), -1],
];
const COLUMNS = [
  ["share", "Share", percent],
  ["answered", "Answered", count],
  ["attempts", "Attempts", count],
  ["rescued", "Rescued", count],
  ["maybe_billed", "Maybe billed", count],
  ["cost_usd", "Spent", usd],
  ["p50", "p50", seconds],
  ["p95", "p95", seconds],
  ["open_seconds", "Breaker open", seconds],
  ["throttled_seconds", "Throttled", seconds],
];

/** Returns `{element, begin, destroy}`; `begin` draws the plots once the element is in the page. */
export function simulated(told, names) {
  const [mine, other] = runsOf(told);
  const plots = h("div", { class: "plots" });
  let drawn = [];
  const element = h(
    "div",
    null,
    other
      ? h("p", { class: "muted" }, `Each figure is of ${names[0]}; the smaller one below it is of ${names[1]}.`)
      : null,
    h(
      "div",
      { class: "grid figures" },
      FIGURES.filter(([key]) => key in mine).map((row) => figure(mine, other, row)),
    ),
    failures(mine),
    targets(mine, other, names),
    plots,
    h(
      "details",
      null,
      h("summary", null, "All of it as JSON"),
      h("pre", { class: "mono", tabindex: "0", "aria-label": "Result" }, JSON.stringify(told, withoutSeries, 2)),
    ),
  );
  return {
    element,
    begin() {
      const runs = other
        ? [
            { ...mine, name: names[0] },
            { ...other, name: names[1] },
          ]
        : [mine];
      drawn = overTime(plots, runs);
    },
    destroy: () => drawn.forEach((each) => each.destroy()),
  };
}

/** Returns the run of this config, and of the one it is compared with, if there is one. */
function runsOf(told) {
  const isRun = (value) => value && typeof value === "object" && "targets" in value && "success_rate" in value;
  const inner = Object.values(told).flat().filter(isRun);
  return isRun(told) ? [told, inner[0]] : inner;
}

function figure(mine, other, [key, title, format, good]) {
  const [now, before] = [mine[key], other?.[key]];
  const better = good * Math.sign((now ?? 0) - (before ?? 0));
  const kind = better > 0 ? "ok" : better < 0 ? "bad" : "dim";
  return h(
    "div",
    { class: "card stat" },
    h("strong", null, format(now)),
    other ? h("div", null, badge(format(before), kind)) : null,
    h("span", null, title),
  );
}

function failures(run) {
  const all = causesOf(run);
  if (!all.length) return null;
  const chips = all.map((words) => h("span", { class: "chip" }, words));
  return h("div", { class: "chips" }, h("span", { class: "muted" }, "Not answered:"), chips);
}

function causesOf({ failures: causes = {} }) {
  return Object.entries(causes).map(([cause, number]) => `${cause}: ${count(number)}`);
}

function targets(mine, other, names) {
  const all = [...new Set([...Object.keys(mine.targets), ...Object.keys(other?.targets ?? {})])];
  const row = (run, name) => (Object.hasOwn(run?.targets ?? {}, name) ? run.targets[name] : {});
  const columns = COLUMNS.filter(([key]) => key === "share" || all.some((name) => row(mine, name)[key]));
  const heads = [
    "Target",
    ...columns.map(([, title]) => title),
    ...(other ? [`Share in ${names[1]}`] : []),
    "Failures",
  ];
  const lines = all.map((name) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, name),
      columns.map(([key, , format]) => h("td", { class: "num" }, format(row(mine, name)[key] ?? null))),
      other ? h("td", { class: "num" }, percent(row(other, name).share ?? null)) : null,
      h(
        "td",
        null,
        causesOf(row(mine, name)).map((words) => h("div", null, words)),
      ),
    ),
  );
  const last = heads.length - 1;
  const head = heads.map((word, at) => h("th", { scope: "col", class: at && at !== last ? "num" : null }, word));
  return h(
    "div",
    { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "Targets" },
    h("table", { class: "table" }, h("thead", null, h("tr", null, head)), h("tbody", null, lines)),
  );
}

function withoutSeries(key, value) {
  return key === "series" ? undefined : value;
}
