// All of a time in a row of numbers.

import { h } from "../../dom.js";
import { count, ms, percent, usd } from "../../format.js";

/** Returns the row. */
export function summaryRow(data) {
  const cells = [
    ["requests", count(data.requests)],
    ["pictures", count(data.images)],
    ["errors", percent(data.error_rate / 100), count(data.errors)],
    ["cost", usd(data.cost_usd)],
    ["median time", ms(data.p50)],
    ["95 % faster than", ms(data.p95)],
    ["rescued", count(data.rescued), data.saved_usd ? `worth ${usd(data.saved_usd)}` : null],
    [
      "from the cache",
      percent(data.cache_hit_rate / 100),
      data.cache_saved_usd ? `saved ${usd(data.cache_saved_usd)}` : null,
    ],
    ["maybe billed", count(data.maybe_billed)],
  ];
  return h(
    "div",
    { class: "card summary" },
    cells.map(([name, value, more]) =>
      h("div", { class: "stat" }, h("strong", null, value), h("span", null, more ? `${name} · ${more}` : name)),
    ),
  );
}
