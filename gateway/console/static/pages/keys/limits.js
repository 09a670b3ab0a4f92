// What a key may spend and how often it may ask: as a form, and in words.

import { h } from "../../dom.js";
import { field, numberIn, oneOf, Slip } from "../../field.js";
import { count, usd } from "../../format.js";

const RESETS = [
  ["", "never"],
  ["weekly", "each week"],
  ["monthly", "each month"],
];
const KINDS = ["requests", "images"];
const UNITS = [
  ["rpm", "a minute"],
  ["rph", "an hour"],
  ["rpd", "a day"],
];

/** Returns the form's element, and `read()`, which throws `Slip`. */
export function limitsForm(usage, rates) {
  const credit = number(usage?.credit_limit, "0.01");
  const images = number(usage?.image_limit, "1");
  const alert = number(usage?.alert_threshold, "0.01");
  const reset = oneOf(RESETS, usage?.periodic_reset ?? "");
  const lines = h("div", { class: "rates" });
  const rows = [];
  const add = h(
    "button",
    { class: "button small", type: "button", on: { click: () => row({}).value.focus() } },
    "Add a rate limit",
  );
  for (const each of rates ?? []) row(each);
  const element = h(
    "fieldset",
    null,
    h("legend", null, "Limits"),
    h(
      "div",
      { class: "form-row" },
      field("At most, US dollars", credit),
      field("At most, pictures", images),
      field("Counted anew", reset),
      field("Alert at, US dollars", alert),
    ),
    lines,
    add,
  );
  return { element, read };

  function row(rate) {
    const made = {
      value: number(rate.value, "1"),
      type: oneOf(KINDS, rate.type ?? "requests"),
      unit: oneOf(UNITS, rate.unit ?? "rpm"),
    };
    const take = h(
      "button",
      { class: "button quiet small", type: "button", "aria-label": "Remove this rate limit" },
      "×",
    );
    const line = h(
      "div",
      { class: "rate" },
      field("At most", made.value),
      field("of", made.type),
      field("in", made.unit),
      take,
    );
    take.addEventListener("click", () => {
      rows.splice(rows.indexOf(made), 1);
      line.remove();
      add.focus();
    });
    rows.push(made);
    lines.append(line);
    return made;
  }

  function read() {
    const said = {
      credit_limit: numberIn(credit, "US dollars"),
      image_limit: numberIn(images, "Pictures", { whole: true }),
      alert_threshold: numberIn(alert, "Alert"),
      periodic_reset: reset.value || null,
    };
    const given = Object.entries(said).filter(([, value]) => value !== null);
    return {
      usage_limits: given.length ? Object.fromEntries(given) : null,
      rate_limits: rows.length ? rows.map(rate) : null,
    };
  }
}

/** Returns limits in a few words. */
export function limitsInWords(usage, rates) {
  const reset = { weekly: " a week", monthly: " a month" }[usage?.periodic_reset] ?? "";
  const words = [
    usage?.credit_limit === undefined ? null : `${usd(usage.credit_limit)}${reset}`,
    usage?.image_limit === undefined ? null : `${count(usage.image_limit)} pictures${reset}`,
    usage?.alert_threshold === undefined ? null : `alert at ${usd(usage.alert_threshold)}`,
    ...(rates ?? []).map((each) => `${count(each.value)} ${each.type} ${new Map(UNITS).get(each.unit) ?? each.unit}`),
  ].filter(Boolean);
  return words.length ? words.join(", ") : "none";
}

/** Returns what is used of limits in a few words. */
export function usedInWords(usage) {
  if (!usage) return "–";
  const held = usage.held_usd ? ` and ${usd(usage.held_usd)} held` : "";
  return `${usd(usage.spent_usd)}${held}, ${count(usage.images)} pictures`;
}

function rate({ value, type, unit }) {
  const number = numberIn(value, "Rate limit", { whole: true, least: 1 });
  if (number === null) throw new Slip("Rate limit: write a whole number from 1 on, or remove the line.", value);
  return { type: type.value, unit: unit.value, value: number };
}

function number(value, step) {
  return h("input", { type: "number", min: 0, step, value: value ?? "" });
}
