// What came of one request: the pictures, who painted them after how much, and the way through the tree.

import { badge, errorBox, h } from "../../dom.js";
import { kindOfStatus, ms, usd } from "../../format.js";
import { drawTree } from "../../tree.js";
import { attemptsTable } from "./attempts.js";
import { pictures } from "./pictures.js";

/** Returns what is told of an answer; `record` and `tree` are null as long as nobody knows them. */
export function drawAnswer({ ask, result, record, tree }) {
  const { answer, error } = result;
  const attempts = record?.details?.attempts ?? error?.body?.error?.attempts ?? [];
  return h(
    "div",
    { class: "answer" },
    error ? errorBox(error) : pictures(answer, ask.body.prompt),
    h(
      "div",
      { class: "told" },
      facts(result, record, tree),
      adaptations(result, record),
      tree ? h("h3", null, "The way it took") : null,
      tree ? drawTree(tree, wayOf(result, record, attempts)) : null,
      error || !tree ? attemptsTable(attempts) : null,
      record
        ? h("p", null, h("a", { href: `#/logs/${encodeURIComponent(record.id)}` }, "Open its record in the log"))
        : null,
    ),
  );
}

function facts({ answer, error, headers, ms: taken, trace }, record, tree) {
  const status = error ? error.status : 200;
  const path = record?.target ?? headers.get("x-portkey-last-used-option-index");
  const target = path && nodeAt(tree, path);
  const attempts = record?.attempts ?? number(headers.get("x-gateway-attempts"));
  const billed = record?.maybe_billed ?? number(headers.get("x-gateway-maybe-billed"));
  const cache = headers.get("x-portkey-cache-status");
  const rows = [
    [
      "Status",
      [
        status ? badge(String(status), kindOfStatus(status)) : badge("no answer", "bad"),
        rescued(record, attempts, error),
      ],
    ],
    answer
      ? [
          "Answered by",
          [
            h(
              "strong",
              { "data-fact": "target" },
              target?.name ?? (tree?.mode === "target" ? "its only target" : path) ?? "–",
            ),
            provider(headers),
          ],
        ]
      : null,
    ["Attempts", attempts ?? "–"],
    ["Time", [ms(taken), upstream(headers)]],
    ["Cost", [usd(costOf(headers, record)), billed ? badge(`${billed} maybe billed`, "warn") : null]],
    cache && cache !== "DISABLED" ? ["Cache", cache] : null,
    ["Trace", h("span", { class: "mono" }, trace)],
  ];
  return h(
    "dl",
    { class: "facts" },
    rows
      .filter(Boolean)
      .map(([name, ...value]) => [h("dt", null, name), h("dd", null, value.flat().filter(Boolean).flatMap(spaced))]),
  );
}

function rescued(record, attempts, error) {
  const saved = record?.rescued ?? (!error && attempts > 1);
  return saved ? badge("rescued", "info") : null;
}

function provider(headers) {
  const named = [headers.get("x-portkey-provider"), headers.get("x-gateway-model")].filter(Boolean);
  return named.length ? h("span", { class: "muted" }, named.join(" · ")) : null;
}

function upstream(headers) {
  const found = /upstream;dur=([\d.]+)/.exec(headers.get("server-timing") ?? "");
  return found ? h("span", { class: "muted" }, `of which providers ${ms(Number(found[1]))}`) : null;
}

function costOf(headers, record) {
  const told = headers.get("x-gateway-cost-usd");
  return told === null || told === "null" ? record?.cost_usd : Number(told);
}

function adaptations({ headers }, record) {
  const said = headers.get("x-gateway-adaptations");
  const all = said
    ? said.split("; ")
    : (record?.details?.adaptations ?? []).map((each) => (typeof each === "string" ? each : JSON.stringify(each)));
  if (all.length === 0) return null;
  return [
    h("h3", null, "Fitted to the model"),
    h(
      "ul",
      { class: "chips plain" },
      all.map((each) => h("li", { class: "chip" }, each)),
    ),
  ];
}

function wayOf({ answer, headers }, record, attempts) {
  return {
    attempts,
    passedOver: record?.details?.passed_over ?? {},
    chosen: answer ? (record?.target ?? headers.get("x-portkey-last-used-option-index")) : null,
  };
}

function nodeAt(node, path) {
  if (!node || node.path === path) return node;
  for (const child of node.children ?? []) {
    const found = nodeAt(child, path);
    if (found) return found;
  }
  return null;
}

function number(text) {
  return text === null ? null : Number(text);
}

function spaced(part) {
  return [part, " "];
}
