// The faults of a simulation: which target answers what, from when to when, how slow each one is, and what it refuses.

import { h } from "../../dom.js";
import { field, oneOf } from "../../field.js";
import { numberOf } from "./pairs.js";
import { rows } from "./rows.js";

const ANSWERS = ["503", "500", "429", "401", "400", "timeout", "unreachable", "incomplete", "empty", "policy"];

/** Returns `{element, value}` of the form; `names()` returns the targets there are. */
export function faultsForm(names) {
  const outages = rows({
    legend: "Faults",
    add: "Add a fault",
    none: "No target fails. Add a fault to see what the others take over.",
    make: () => outage(names()),
    most: 40,
  });
  const paces = rows({
    legend: "Latencies and refusals",
    add: "Set a latency",
    none: "Every target takes its usual time.",
    make: () => pace(names()),
    most: 40,
  });

  /** Returns the faults by target; throws in words. */
  function value() {
    const targets = new Map();
    const of = (name) => targets.get(name) ?? targets.set(name, {}).get(name);
    for (const { target, manners } of paces.values()) Object.assign(of(target), manners);
    for (const { target, fault } of outages.values()) (of(target).faults ??= []).push(fault);
    return { targets: Object.fromEntries(targets) };
  }

  return { element: h("div", { class: "split" }, outages.element, paces.element), value };
}

function outage(names) {
  const target = oneOf(names, names[0]);
  const from = seconds("10");
  const to = seconds("40");
  const answer = oneOf(ANSWERS, "503");
  const ratio = seconds("100");
  const wait = seconds("");
  wait.placeholder = "none";
  const element = h(
    "div",
    { class: "grid tight" },
    field("Target", target),
    field("Answers", answer),
    field("From second", from),
    field("To second", to),
    field("Percent of calls", ratio),
    field("Retry-After, seconds", wait),
  );
  const value = () => {
    const begins = numberOf(from.value, "From second") ?? 0;
    const ends = numberOf(to.value, "To second");
    if (ends === undefined || ends <= begins)
      throw new Error("Faults: “To second” has to be later than “From second”.");
    const status = /^\d+$/.test(answer.value) ? Number(answer.value) : answer.value;
    const share = (numberOf(ratio.value, "Percent of calls", { most: 100 }) ?? 100) / 100;
    const asked = numberOf(wait.value, "Retry-After, seconds", { most: 86_400 });
    const more = { ...(share < 1 ? { ratio: share } : {}), ...(asked === undefined ? {} : { retry_after_s: asked }) };
    return { target: target.value, fault: { from_s: begins, to_s: ends, status, ...more } };
  };
  return { element, value };
}

function pace(names) {
  const target = oneOf(names, names[0]);
  const usual = seconds("800");
  const late = seconds("1600");
  const refused = seconds("0");
  const element = h(
    "div",
    { class: "grid tight" },
    field("Target", target),
    field("Half within, ms", usual),
    field("95 % within, ms", late),
    field("Percent refused", refused),
  );
  const value = () => {
    const p50 = numberOf(usual.value, "Half within, ms", { least: 1, most: 3_600_000 }) ?? 800;
    const p95 = numberOf(late.value, "95 % within, ms", { least: p50, most: 3_600_000 }) ?? p50;
    const ratio = (numberOf(refused.value, "Percent refused", { most: 100 }) ?? 0) / 100;
    return { target: target.value, manners: { latency_ms: { p50, p95 }, ...(ratio ? { refusal_ratio: ratio } : {}) } };
  };
  return { element, value };
}

function seconds(value) {
  return h("input", { type: "text", inputmode: "decimal", autocomplete: "off", value });
}
