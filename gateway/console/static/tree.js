// A route drawn as a tree: what it is made of, the way a request took through it, and why.

import { badge, h } from "./dom.js";
import { percent } from "./format.js";
import { explained } from "./tree/explained.js";
import { follow } from "./tree/keyboard.js";
import { traits } from "./tree/traits.js";
import { drawTries, endOf, triesOf } from "./tree/tries.js";

const MODES = {
  target: "target",
  fallback: "fallback",
  loadbalance: "load balance",
  conditional: "condition",
  single: "single",
  group: "group",
  route: "route",
};

/**
 * Returns a route as a tree.
 *
 * `attempts` and `passedOver` are those of a record's details; `chosen` is the path or name of what answered, without
 * it that of the last attempt that ended well; `lasts` is for how many milliseconds a request has been under way; with
 * `explain` the node is one of a story that was told beforehand, and its facts are shown.
 */
export function drawTree(
  node,
  { attempts = [], passedOver = {}, chosen, lasts = 1, explain = false, label = "Route" } = {},
) {
  const tries = attempts.map((attempt, index) => ({ ...attempt, number: index + 1 }));
  const good = tries.findLast((each) => endOf(each) === "answered");
  const answered = chosen ?? good?.path ?? good?.target;
  const whole = Math.max(lasts, ...tries.map((each) => (each.at_ms ?? 0) + (each.ms ?? 0)));
  const told = { tries, passedOver: passedOver ?? {}, answered, explain, whole, ran: tries.length > 0 };
  const list = h("ul", { role: "tree", "aria-label": label }, item(node, told, 1));
  follow(list);
  return h("div", { class: "route-tree" }, list);
}

/** Returns whether a tree has a place for each of the attempts; one of another version may not. */
export function hasPlaces(node, attempts) {
  const nodes = [node];
  for (const each of nodes) nodes.push(...(each.children ?? []));
  return attempts.every((attempt) => nodes.some((each) => triesOf(each, [attempt]).length > 0));
}

function item(node, told, level) {
  const { children = [] } = node;
  const tries = triesOf(node, told.tries);
  const passed = told.passedOver[node.path];
  const answered = isNamed(node, told.answered) && node.mode === "target";
  const way = tries.length > 0 || answered || children.some((child) => isOnWay(child, told));
  const kept = told.explain && node.reachable !== false;
  const classes = [
    "tree-item",
    // Of what has not run yet, everything that may be reached is on the way.
    way || kept ? "way" : "",
    answered ? "answered" : "",
    (told.ran && !way && !passed) || node.reachable === false ? "aside" : "",
  ];
  const name = node.name || node.path || "unnamed";
  const said = [MODES[node.mode] ?? node.mode, name, ...whatHappened({ tries, passed, answered, node })].join(", ");
  const head = h(
    "div",
    { class: "node-head" },
    h(
      "span",
      { class: `node-mode ${Object.hasOwn(MODES, node.mode) ? node.mode : "group"}` },
      MODES[node.mode] ?? node.mode,
    ),
    h("strong", { class: "node-name" }, name),
    typeof node.share === "number" ? badge(percent(node.share), "info") : null,
    answered ? badge("answered", "ok") : null,
    passed ? badge(`passed over: ${passed}`, "warn") : null,
    node.name && node.path && node.name !== node.path ? h("span", { class: "muted mono node-path" }, node.path) : null,
  );
  const body = h(
    "div",
    { class: "node" },
    head,
    traits(node),
    told.explain ? explained(node) : null,
    drawTries(tries, told.whole),
  );
  const group = children.length
    ? h(
        "ul",
        { role: "group" },
        children.map((child) => item(child, told, level + 1)),
      )
    : null;
  return h(
    "li",
    {
      class: classes.filter(Boolean).join(" "),
      role: "treeitem",
      tabindex: level === 1 ? 0 : -1,
      "aria-level": level,
      "aria-label": said,
      "aria-expanded": group ? "true" : null,
      "data-path": node.path,
      "data-answered": answered || null,
    },
    body,
    group,
  );
}

function whatHappened({ tries, passed, answered, node }) {
  const words = tries
    .filter((each) => endOf(each) === "failed")
    .map((each) => `failed: ${[each.status, each.cause].filter(Boolean).join(" ")}`);
  if (tries.some((each) => endOf(each) === "under way")) words.push("under way");
  if (passed) words.push(`passed over: ${passed}`);
  if (answered) words.push("answered");
  if (node.reachable === false) words.push(`not reached: ${node.why ?? "no reason is known"}`);
  return words;
}

function isNamed(node, word) {
  return Boolean(word) && (node.path === word || node.name === word);
}

function isOnWay(node, told) {
  if (triesOf(node, told.tries).length > 0 || (node.mode === "target" && isNamed(node, told.answered))) return true;
  return (node.children ?? []).some((child) => isOnWay(child, told));
}
