// What a node of a route is made of, in a line of chips, and its conditions in a list.

import { badge, h } from "../dom.js";
import { ms, usd } from "../format.js";

const HOLDS = { true: ["holds", "ok"], false: ["does not hold", "dim"], null: ["not asked", "dim"] };

/** Returns the facts of a node that are worth a word. */
export function traits(node) {
  const words = [
    [...new Set([node.provider, node.model].filter(Boolean))].join(" · "),
    node.virtual_key ? `key ${node.virtual_key}` : null,
    node.algorithm && node.algorithm !== "weighted" ? node.algorithm : null,
    node.sticky?.length ? `sticky by ${[node.sticky].flat().join(", ")}` : null,
    node.retries ? `${node.retries} ${node.retries === 1 ? "retry" : "retries"}` : null,
    node.request_timeout_ms ? `timeout ${ms(node.request_timeout_ms)}` : null,
    node.deadline_ms ? `deadline ${ms(node.deadline_ms)}` : null,
    hedgeOf(node),
    cacheOf(node.cache),
    typeof node.max_cost_usd === "number" ? `at most ${usd(node.max_cost_usd)}` : null,
    node.billing && node.billing !== "once" ? `billing: ${node.billing}` : null,
    node.on_status_codes?.length ? `on ${node.on_status_codes.join(", ")}` : null,
    node.on_causes?.length ? `on ${node.on_causes.join(", ")}` : null,
  ].filter(Boolean);
  const chips = words.length
    ? h(
        "div",
        { class: "chips" },
        words.map((word) => h("span", { class: "chip" }, word)),
      )
    : null;
  return [chips, conditions(node)];
}

function hedgeOf({ hedge, hedge_after: after }) {
  if (!after) return hedge ? "hedge" : null;
  return `hedge after ${typeof after === "number" ? ms(after) : after}`;
}

function cacheOf(cache) {
  if (!cache || cache === "DISABLED") return null;
  const word = typeof cache === "object" ? (cache.mode ?? "on") : cache === true ? "on" : cache;
  return `cache: ${word}`;
}

function conditions({ conditions: all, default: otherwise, by_default: byDefault }) {
  if (!all?.length) return null;
  return h(
    "ol",
    { class: "conditions" },
    all.map(condition),
    otherwise || byDefault
      ? h(
          "li",
          null,
          h("span", { class: "muted" }, "otherwise → "),
          otherwise ?? "the default",
          byDefault ? [" ", badge("taken", "ok")] : null,
        )
      : null,
  );
}

function condition({ query, then, holds, values }) {
  const [word, kind] = HOLDS[String(holds)] ?? [];
  return h(
    "li",
    null,
    h("code", { class: "mono" }, JSON.stringify(query)),
    " → ",
    String(then),
    word ? [" ", badge(word, kind)] : null,
    values && Object.keys(values).length ? h("div", { class: "muted mono" }, JSON.stringify(values)) : null,
  );
}
