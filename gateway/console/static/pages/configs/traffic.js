// The traffic of a simulation: how many requests, how fast, and what they ask for.

import { h } from "../../dom.js";
import { field } from "../../field.js";
import { numberOf, pairsOf } from "./pairs.js";
import { rows } from "./rows.js";

export const MOST_REQUESTS = 20_000;

/** Returns `{element, value}` of the form. */
export function trafficForm() {
  const rate = number("20");
  const requests = number("2000");
  const seed = number("1");
  const mix = rows({
    legend: "Mix of requests",
    add: "Add a kind of request",
    make: kind,
    begin: [{ share: "100", prompt: "an otter" }],
  });
  const element = h(
    "div",
    null,
    h(
      "div",
      { class: "grid tight" },
      field("Requests a second", rate),
      field("Requests in all", requests, { hint: `At most ${MOST_REQUESTS.toLocaleString("en")}.` }),
      field("Seed", seed, { hint: "The same seed gives the same answer." }),
    ),
    mix.element,
  );

  /** Returns `{traffic, requests, seed}`; throws in words. */
  function value() {
    const kinds = mix.values();
    if (kinds.length === 0) throw new Error("Mix of requests: add at least one kind of request.");
    const asked = (input, what, bounds) => given(numberOf(input.value, what, bounds), what);
    return {
      traffic: { rate: asked(rate, "Requests a second", { least: 0.001, most: 100_000 }), mix: kinds },
      requests: asked(requests, "Requests in all", { least: 1, most: MOST_REQUESTS, whole: true }),
      seed: numberOf(seed.value, "Seed", { least: 1, whole: true, most: Number.MAX_SAFE_INTEGER }) ?? 1,
    };
  }

  return { element, value };
}

function kind(begin = { share: "10", prompt: "an otter" }) {
  const share = number(begin.share);
  const prompt = h("input", { type: "text", value: begin.prompt });
  const size = h("input", { type: "text", placeholder: "any", list: "request-sizes" });
  const model = h("input", { type: "text", placeholder: "as the target says" });
  const metadata = h("input", { type: "text", class: "mono", placeholder: "plan: pro, team: a", spellcheck: "false" });
  const element = h(
    "div",
    { class: "grid tight" },
    field("Share", share),
    field("Prompt", prompt),
    field("Size", size),
    field("Model", model),
    field("Metadata", metadata),
  );
  const value = () => ({
    share: given(numberOf(share.value, "Share", { most: 1_000_000 }), "Share"),
    request: {
      prompt: prompt.value,
      ...(size.value.trim() ? { size: size.value.trim() } : {}),
      ...(model.value.trim() ? { model: model.value.trim() } : {}),
    },
    metadata: pairsOf(metadata.value.replaceAll(",", "\n"), "Metadata"),
  });
  return { element, value };
}

function number(value) {
  return h("input", { type: "text", inputmode: "decimal", autocomplete: "off", value });
}

function given(value, what) {
  if (value === undefined) throw new Error(`${what}: write a number.`);
  return value;
}
