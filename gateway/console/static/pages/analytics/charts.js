// The charts: where each gets its points from, and which lines they make.

const SHARE = 100;

/** Each chart: its title, path below /v1/analytics/graphs/, unit, and the series of its points. */
export const CHARTS = [
  {
    title: "Requests",
    path: "requests",
    unit: "count",
    series: (points) => [line("requests", points, (point) => point.requests, "info")],
  },
  { title: "Errors by status", path: "errors/stacks", unit: "count", stacked: true, series: byStatus },
  { title: "Cost", path: "cost", unit: "usd", series: (points) => [line("cost", points, (point) => point.cost_usd)] },
  { title: "Time to answer", path: "latency", unit: "ms", series: percentiles },
  {
    title: "Rescued requests",
    path: "requests/rescued",
    unit: "count",
    series: (points) => [line("rescued", points, (point) => point.rescued, "ok")],
  },
  {
    title: "Cache hit rate",
    path: "cache/hit-rate",
    unit: "percent",
    series: (points) => [line("hits", points, (point) => (point.lookups ? point.rate / SHARE : null))],
  },
];

/** Returns what the plot of a chart takes. */
export function plotOf({ title, unit, stacked = false, series }, points) {
  return {
    label: title,
    unit,
    stacked,
    x: points.map((point) => Date.parse(point.timestamp) / 1000),
    series: series(points),
  };
}

function line(label, points, value, kind) {
  return { label, values: points.map(value), kind };
}

// Where nobody asked there is no time to tell; a line through nothing would say that answers took no time.
function percentiles(points) {
  return ["p50", "p90", "p95", "p99"].map((name) =>
    line(name, points, (point) => (point.requests ? point[name] : null)),
  );
}

function byStatus(points) {
  const statuses = [...new Set(points.flatMap((point) => point.stacks.map((each) => each.status_code)))].sort();
  const number = (status) => (point) => point.stacks.find((each) => each.status_code === status)?.count ?? 0;
  return statuses.map((status) => line(String(status), points, number(status)));
}
