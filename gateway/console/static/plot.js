// Lines over time, on uPlot: in the colours of the page, and as a table for whoever does not see them.

import { h } from "./dom.js";
import { count, ms, percent, usd, when } from "./format.js";
import { theme } from "./theme.js";
import uPlot from "./vendor/uplot/dist/uPlot.esm.js";

const FORMATS = { usd, ms, percent, count, s: (x) => (x === null ? "–" : `${x} s`) };
const KINDS = { ok: "--ok", warn: "--warn", bad: "--bad", info: "--info", dim: "--muted" };
const COLOURS = 6;
const DAY_SECONDS = 86_400;
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const MINUTE = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const SECOND = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
// Half a request is none: counts are marked at whole numbers.
const STEPS = [...Array(15).keys()].flatMap((power) => [1, 2, 5].map((first) => first * 10 ** power));
const HEIGHT = 220;
const MOST_ROWS = 100;

/**
 * Draws series into `root`, and returns `{update, destroy}`; `update` takes the same object with new values.
 *
 * `x` are seconds since the epoch, or any numbers where `time` is false; `series` are `{label, values, kind}`, a value
 * being a number or null; `unit` is one of usd, ms, percent, count, s. `stacked` puts each series on those before it.
 */
export function plot(root, given) {
  let now = given;
  let drawn = null;
  const box = h("div", { class: "plot", role: "img", "aria-label": nameOf(now) });
  const table = h("details", { class: "plot-table" });
  root.append(box, table);
  table.addEventListener("toggle", () => tell());
  sheet();

  function draw() {
    drawn?.destroy();
    drawn = null;
    box.replaceChildren();
    box.setAttribute("aria-label", nameOf(now));
    const width = Math.floor(box.clientWidth);
    if (width > 0) drawn = new uPlot(options(now, width, box), data(now), box);
    tell();
  }

  function tell() {
    table.replaceChildren(h("summary", null, `${nameOf(now)} as a table`), table.open ? rows(now) : "");
  }

  // A width that is unknown while the page is built, or changes with the window.
  const watch = new ResizeObserver(() => {
    const width = Math.floor(box.clientWidth);
    if (width > 0 && drawn === null) draw();
    else if (width > 0 && drawn.width !== width) drawn.setSize({ width, height: now.height ?? HEIGHT });
  });
  watch.observe(box);
  const redraw = () => draw();
  theme.addEventListener("change", redraw);

  return {
    update(next) {
      now = { ...now, ...next };
      draw();
    },
    destroy() {
      watch.disconnect();
      theme.removeEventListener("change", redraw);
      drawn?.destroy();
      box.remove();
      table.remove();
    },
  };
}

function nameOf({ label, series }) {
  return label ?? series.map((each) => each.label).join(", ");
}

function data({ x, series, stacked }) {
  if (!stacked) return [x, ...series.map((each) => each.values)];
  const below = x.map(() => 0);
  const sums = series.map((each) => each.values.map((value, at) => (below[at] += value ?? 0)));
  // The highest is painted first, so that those below it stay in sight.
  return [x, ...sums.reverse()];
}

function options({ x, series, unit = "count", stacked, time = true, height = HEIGHT }, width, box) {
  const colour = colours(box);
  const format = FORMATS[unit] ?? FORMATS.count;
  const dressed = series.map((each, at) => {
    const stroke = colour(KINDS[each.kind] ?? `--series-${(at % COLOURS) + 1}`);
    const value = (_, __, ___, i) => format(i === null || i === undefined ? null : each.values[i]);
    return {
      label: each.label,
      stroke,
      width: 1.75,
      value,
      fill: stacked ? stroke : undefined,
      points: { show: x.length < 3 || each.values.some(isAlone) },
    };
  });
  if (stacked) dressed.reverse();
  const text = colour("--muted");
  const grid = { stroke: colour("--line"), width: 1 };
  const font = `12px ${getComputedStyle(box).fontFamily}`;
  const mark = (each) => (each === null ? "" : format(each));
  const axis = { stroke: text, grid, ticks: grid, font };
  return {
    width,
    height,
    scales: { x: { time }, y: { range: (_, low, high) => reach(low, high) } },
    axes: [
      time ? { ...axis, values: moments, space: 64 } : axis,
      { ...axis, size: 64, values: (_, splits) => splits.map(mark), ...(unit === "count" ? { incrs: STEPS } : {}) },
    ],
    series: [
      { label: time ? "time" : "", value: (_, value) => (time && value ? when(value * 1000) : (value ?? "–")) },
      ...dressed,
    ],
    cursor: { y: false, drag: { x: false, y: false } },
    legend: { live: true },
  };
}

function moments(_, splits, __, ___, step) {
  let before = null;
  return splits.map((at) => {
    const moment = new Date(at * 1000);
    const day = DAY.format(moment);
    const clock = step < DAY_SECONDS ? (step < 60 ? SECOND : MINUTE).format(moment) : null;
    const first = day !== before;
    before = day;
    // The day stands where it begins, below the clock.
    return [clock, first || !clock ? day : null].filter(Boolean).join("\n");
  });
}

function reach(low, high) {
  const top = Number.isFinite(high) && high > 0 ? high * 1.08 : 1;
  return [Math.min(low ?? 0, 0), top];
}

function colours(box) {
  // A canvas knows no light-dark(): the browser says what it comes to.
  const probe = h("span", { hidden: true });
  box.append(probe);
  const found = new Map();
  return (name) => {
    if (!found.has(name)) {
      probe.style.color = `var(${name})`;
      found.set(name, getComputedStyle(probe).color);
    }
    return found.get(name);
  };
}

function rows({ x, series, unit = "count", time = true }) {
  const format = FORMATS[unit] ?? FORMATS.count;
  const from = Math.max(0, x.length - MOST_ROWS);
  const head = [time ? "Time" : "x", ...series.map((each) => each.label)];
  const lines = x.slice(from).map((at, index) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, time ? when(at * 1000) : String(at)),
      series.map((each) => h("td", { class: "num" }, format(each.values[from + index] ?? null))),
    ),
  );
  const more = from > 0 ? h("caption", { class: "muted" }, `The last ${MOST_ROWS} of ${x.length}`) : null;
  const headings = head.map((word, at) => h("th", { scope: "col", class: at ? "num" : null }, word));
  const body = h("table", { class: "table" }, more, h("thead", null, h("tr", null, headings)), h("tbody", null, lines));
  return h("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "Values" }, body);
}

function sheet() {
  for (const path of ["./vendor/uplot/dist/uPlot.min.css", "./css/plot.css"]) {
    const { href } = new URL(path, import.meta.url);
    if (!document.querySelector(`link[href="${href}"]`)) document.head.append(h("link", { rel: "stylesheet", href }));
  }
}

/** A value between gaps makes no line. */
function isAlone(value, at, values) {
  return value !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null;
}
