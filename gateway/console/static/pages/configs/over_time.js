// A simulation over its time: shares, latencies, money, and what went wrong, each as a plot; two runs beside each other.

import { h } from "../../dom.js";
import { plot } from "../../plot.js";

/** Draws the plots of runs into `root` and returns them; a run's `name` says which it is, where there are two. */
export function overTime(root, runs) {
  const told = runs.filter(({ series }) => series?.seconds?.length);
  const charts = told.map(({ series, name }) =>
    chartsOf(series).map((chart) => ({ ...chart, x: series.seconds, name })),
  );
  const beside = (charts[0] ?? []).flatMap((_, at) => charts.map((row) => row[at]));
  return beside.map(({ title, lines, unit, stacked, x, name }) => {
    const label = name ? `${title}: ${name}` : title;
    const box = h("div", { class: "card" }, h("h3", null, label));
    root.append(box);
    return plot(box, { x, series: lines, unit, stacked, time: false, label });
  });
}

function chartsOf(series) {
  const shares = Object.entries(series.shares ?? {}).map(([label, values]) => ({ label, values }));
  return [
    { title: "Share of each target", lines: shares, unit: "percent", stacked: true },
    { title: "Latency", lines: ["p50", "p95", "p99"].flatMap((each) => line(each, inMs(series[each]))), unit: "ms" },
    {
      title: "Money",
      lines: [...line("spent", series.cost_usd), ...line("maybe for nothing", series.at_risk_usd, "bad")],
      unit: "usd",
    },
    {
      title: "Requests rescued, failed, maybe billed",
      lines: [
        ...line("rescued", series.rescued, "ok"),
        ...line("failed", series.failures, "bad"),
        ...line("maybe billed", series.maybe_billed, "warn"),
      ],
      unit: "count",
    },
  ];
}

function line(label, values, kind) {
  return values ? [{ label, values, kind }] : [];
}

function inMs(values) {
  return values?.map((value) => (value === null ? null : value * 1000));
}
