// Budgets as bars: what is spent, what is reserved, and from where on somebody is told.

import { badge, h } from "../../dom.js";
import { count, percent, usd, when } from "../../format.js";

const KINDS = { virtual_key: "virtual key", api_key: "API key", budget: "budget" };
const NEARLY = 0.8;

/** Returns a card for each budget. */
export function budgetsOf(budgets) {
  return h("div", { class: "grid" }, budgets.map(card));
}

function card(budget) {
  const { kind, name, period, resets_at: resets, source } = budget;
  return h(
    "article",
    { class: "card budget", "aria-label": `Budget of ${name}` },
    h("h3", null, name ?? "unnamed", " ", badge(KINDS[kind] ?? kind ?? "budget")),
    money(budget),
    images(budget),
    rates(budget),
    h(
      "p",
      { class: "muted" },
      [period, resets ? `begins anew ${when(resets)}` : null, source === "file" ? "declared in a file" : null]
        .filter(Boolean)
        .join(" · "),
    ),
  );
}

function money({
  name,
  limit_usd: limit,
  spent_usd: spent = 0,
  reserved_usd: reserved = 0,
  left_usd: left,
  alert_threshold: alert,
}) {
  if (typeof limit !== "number") return null;
  const from = typeof alert === "number" ? alert : null;
  return [
    bar(`Spent of the budget of ${name}`, spent, reserved, limit, from),
    h(
      "p",
      null,
      h("strong", null, usd(spent)),
      ` of ${usd(limit)} spent`,
      reserved ? `, ${usd(reserved)} reserved` : "",
      typeof left === "number" ? `, ${usd(left)} left` : "",
      from === null ? "" : h("span", { class: "muted" }, `; an alert is sent at ${usd(from)}`),
    ),
  ];
}

function images({ name, limit_images: limit, images: made = 0 }) {
  if (typeof limit !== "number") return null;
  return [
    bar(`Pictures of the budget of ${name}`, made, 0, limit, null),
    h("p", null, `${count(made)} of ${count(limit)} pictures`),
  ];
}

function rates({ rate_limits: all }) {
  if (!all?.length) return null;
  return h(
    "p",
    null,
    "At most ",
    all.map(({ type, unit, value }, at) => `${at ? ", " : ""}${count(value)} ${type} a ${per(unit)}`),
    ".",
  );
}

function per(unit) {
  return { rps: "second", rpm: "minute", rph: "hour", rpd: "day" }[unit] ?? unit;
}

function bar(label, spent, reserved, limit, alert) {
  const share = (x) => (limit > 0 ? Math.min(1, Math.max(0, x / limit)) : 1);
  const used = share(spent);
  const kind = used >= 1 ? "bad" : used >= NEARLY || (alert !== null && spent >= alert) ? "warn" : "";
  const width = (x) => ({ width: percentOf(share(x)) });
  return h(
    "div",
    {
      class: "bar",
      role: "meter",
      "aria-label": label,
      "aria-valuemin": 0,
      "aria-valuemax": limit,
      "aria-valuenow": Math.min(spent, limit),
      "aria-valuetext": percent(limit > 0 ? spent / limit : 1),
    },
    h("i", { class: "reserved", style: width(spent + reserved) }),
    h("i", { class: kind, style: width(spent) }),
    alert === null ? null : h("b", { style: { left: percentOf(share(alert)) } }),
  );
}

function percentOf(share) {
  return `${(100 * share).toFixed(2)}%`;
}
