// Analytics: what was asked for, what it cost, how long it took and what went wrong, over a time.

import { api } from "../api.js";
import { empty, errorBox, h, mount, waiting } from "../dom.js";
import { field, oneOf, Slip } from "../field.js";
import { plot } from "../plot.js";
import { CHARTS, plotOf } from "./analytics/charts.js";
import { GROUPS, groupsTable } from "./analytics/groups.js";
import { rangeForm } from "./analytics/range.js";
import { summaryRow } from "./analytics/summary.js";

export const title = "Analytics";

const ORDERS = ["requests", "cost", "errors", "rescued", "total_units", "cache_hits", "last_seen"];

/** Shows the page; the query of its address holds the time and the grouping. */
export async function show(root, { query, signal, navigate }) {
  const range = rangeForm(query, { onChange: draw });
  const groups = Object.entries(GROUPS).map(([key, [name]]) => [key, name]);
  const by = oneOf(groups, Object.hasOwn(GROUPS, query.get("by") ?? "") ? query.get("by") : "ai-models", {
    on: { change: draw },
  });
  const order = oneOf(
    ORDERS.map((each) => [each, each.replace("_", " ").replace("total units", "pictures")]),
    ORDERS.includes(query.get("order")) ? query.get("order") : "requests",
    { on: { change: draw } },
  );
  const refresh = h("button", { class: "button", type: "button", on: { click: draw } }, "Refresh");
  const out = h("div", { class: "all-figures" });
  const plots = [];
  let drawing = new AbortController();
  signal.addEventListener("abort", () => {
    drawing.abort();
    clear();
  });
  mount(
    root,
    h("div", { class: "toolbar" }, range.element, field("Group by", by), field("Sorted by", order), refresh),
    out,
  );
  await draw();

  async function draw() {
    drawing.abort();
    drawing = new AbortController();
    const own = drawing.signal;
    let times;
    try {
      times = range.read();
    } catch (slip) {
      clear();
      mount(out, errorBox(slip));
      if (slip instanceof Slip) slip.input.focus();
      return;
    }
    navigate(`/analytics?${new URLSearchParams({ ...range.query(), by: by.value, order: order.value })}`, {
      quiet: true,
    });
    if (plots.length === 0) mount(out, waiting("Waiting for the figures …"));
    out.setAttribute("aria-busy", "true");
    const span = new URLSearchParams({
      time_of_generation_min: times.since.toISOString(),
      time_of_generation_max: times.until.toISOString(),
    });
    try {
      const get = (path) => api(`/v1/analytics/${path}?${span}`, { signal: own });
      const [summary, table, ...charts] = await Promise.all([
        get("summary"),
        groupsTable(by.value, order.value, span, own),
        ...CHARTS.map((chart) => get(`graphs/${chart.path}`)),
      ]);
      if (!own.aborted) fill(summary.data, table, charts);
    } catch (error) {
      if (own.aborted) return;
      clear();
      mount(out, errorBox(error), h("p", { class: "muted" }, "Press Refresh to ask again."));
    }
    if (!own.aborted) out.removeAttribute("aria-busy");
  }

  function fill(summary, table, charts) {
    clear();
    if (summary.requests === 0) {
      mount(
        out,
        empty(
          "Nobody asked for a picture in this time. Choose another time, or paint one.",
          h("a", { class: "button", href: "#/playground" }, "Open the Playground"),
        ),
      );
      return;
    }
    const cards = CHARTS.map((chart, index) => [
      chart,
      charts[index].data,
      h("section", { class: "card chart", "aria-label": chart.title }, h("h2", null, chart.title)),
    ]);
    mount(
      out,
      summaryRow(summary),
      h(
        "div",
        { class: "charts" },
        cards.map(([, , card]) => card),
      ),
      table,
    );
    for (const [chart, points, card] of cards) {
      const drawn = plotOf(chart, points);
      if (drawn.series.some((each) => each.values.some((value) => value))) plots.push(plot(card, drawn));
      else card.append(h("p", { class: "muted none" }, "None in this time."));
    }
  }

  function clear() {
    for (const each of plots.splice(0)) each.destroy();
  }
}
