// Budgets: what each account may spend, what it has spent, and when it is counted anew.

import { api } from "../../api.js";
import { badge, empty, h, mount } from "../../dom.js";
import { count, percent, usd, when } from "../../format.js";
import { limitsInWords } from "./limits.js";
import { keysTable } from "./table.js";

const KINDS = { virtual_key: "virtual key", api_key: "API key", budget: "budget" };
const HEAD = ["Account", "Used", "Limit", "Left", "Held", "Alert at", "Counted anew"];

/** Shows the budgets below a root. */
export async function showBudgets(root, { signal }) {
  const { data } = await api("/v1/budgets", { signal });
  if (signal.aborted) return;
  if (data.length) mount(root, keysTable("Budgets", HEAD, data.map(row)));
  else mount(root, empty("Nothing here has a limit. Give a key usage_limits, or write budgets into gateway.yaml."));
}

function row(each) {
  const money = typeof each.limit_usd === "number";
  return [
    [
      h("strong", null, each.name),
      h("div", { class: "muted" }, KINDS[each.kind] ?? each.kind, each.source ? ` · ${each.source}` : null),
    ],
    [
      money ? spent(each) : null,
      typeof each.limit_images === "number" ? painted(each) : null,
      each.window === undefined ? "–" : null,
    ],
    limitsInWords(limitsOf(each), each.rate_limits),
    money ? usd(each.left_usd) : "–",
    money ? usd(each.reserved_usd) : "–",
    typeof each.alert_threshold === "number" ? [usd(each.alert_threshold), " ", reached(each)] : "–",
    each.resets_at ? when(each.resets_at) : "never",
  ];
}

function limitsOf({ limit_usd: credit, limit_images: images, period }) {
  return { credit_limit: credit ?? undefined, image_limit: images ?? undefined, periodic_reset: period };
}

function spent({ name, spent_usd: used, reserved_usd: held, limit_usd: limit, alert_threshold: alert }) {
  const warns = typeof alert === "number" && used >= alert;
  return bar(`Dollars used by ${name}`, used + held, limit, `${usd(used)} of ${usd(limit)}`, warns);
}

function painted({ name, images, limit_images: limit }) {
  return bar(`Pictures used by ${name}`, images, limit, `${count(images)} of ${count(limit)} pictures`, false);
}

function bar(label, used, limit, words, warns) {
  const share = limit > 0 ? Math.min(1, used / limit) : 1;
  const text = `${words}, ${percent(share)}`;
  return h(
    "div",
    { class: "budget-use" },
    h(
      "div",
      {
        class: "bar",
        role: "meter",
        "aria-label": label,
        "aria-valuemin": 0,
        "aria-valuemax": 100,
        "aria-valuenow": Math.round(share * 100),
        "aria-valuetext": text,
      },
      h("i", { class: share >= 1 ? "bad" : warns ? "warn" : "", style: { width: `${share * 100}%` } }),
    ),
    h("div", { class: "muted" }, text),
  );
}

function reached({ spent_usd: used, alert_threshold: alert }) {
  return used >= alert ? badge("reached", "warn") : null;
}
