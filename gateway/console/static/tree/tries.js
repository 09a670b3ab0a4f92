// The attempts at one target: how each ended, and when, on a bar that is the whole request.

import { badge, h } from "../dom.js";
import { kindOfStatus, ms } from "../format.js";

const MOST = 20;
const KINDS = { answered: "ok", "given up": "dim", "under way": "info" };

/** Returns how an attempt ended: "answered", "failed", "given up", when another one won or the caller left, or not yet. */
export function endOf({ cause, ms: took }) {
  if (cause === "under_way") return "under way";
  if (cause === "unfinished" || (!cause && took === null)) return "given up";
  return cause ? "failed" : "answered";
}

/** Returns those of all attempts that were made at a node. */
export function triesOf(node, tries) {
  return node.children?.length ? [] : tries.filter((each) => isOf(each, node));
}

/** Returns attempts as a list, on bars of which each is `whole` milliseconds long. */
export function drawTries(tries, whole) {
  if (!tries.length) return null;
  const more = tries.length - MOST;
  return h(
    "ol",
    { class: "tries" },
    tries.slice(0, MOST).map((each) => row(each, whole)),
    more > 0 ? h("li", { class: "muted" }, `and ${more} more`) : null,
  );
}

function isOf(attempt, node) {
  if (attempt.path) return attempt.path === node.path;
  return attempt.target === node.name || attempt.target === node.path;
}

function row({ number, status, cause, message, at_ms: at, ms: took }, whole) {
  const end = endOf({ cause, ms: took });
  const ended = end === "failed" ? [status, cause].filter(Boolean).join(" ") : end;
  const kind = KINDS[end] ?? (status ? kindOfStatus(status) : "bad");
  const from = Math.min(100, (100 * (at ?? 0)) / whole);
  const width = Math.max(0.7, Math.min(100 - from, (100 * (took ?? whole - (at ?? 0))) / whole));
  const bar = h("i", { class: kind, style: { left: `${from}%`, width: `${width}%` } });
  const times = [typeof at === "number" ? `at ${ms(at)}` : null, typeof took === "number" ? ms(took) : null];
  return h(
    "li",
    null,
    h("span", { class: "muted try-number" }, `${number}.`),
    badge(ended, kind),
    h("span", { class: "timeline", "aria-hidden": "true" }, bar),
    h("span", { class: "muted try-time" }, times.filter(Boolean).join(", for ")),
    message ? h("span", { class: "try-message" }, message) : null,
  );
}
