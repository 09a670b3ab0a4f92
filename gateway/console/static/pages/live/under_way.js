// The requests that have had no answer for longest, the oldest first; each opens to the way it has gone so far.

import { h } from "../../dom.js";
import { ms } from "../../format.js";
import { entryOf } from "./entry.js";

const TICK_MS = 1000;
const MOST = 10;

/** Returns the list, what tells it how things stand, and whether a request was open when it got its answer. */
export function underWay({ signal }) {
  const list = h("ol", { class: "feed", "aria-label": "Requests under way, the oldest first" });
  const more = h("p", { class: "muted" });
  const section = h("section", { class: "under-way", hidden: true }, h("h2", null, "Under way"), list, more);
  const shown = new Map();
  const opened = new Set();

  function tell(all) {
    const rows = all.slice(0, MOST);
    const stay = new Set(rows.map(({ id }) => id));
    for (const [id, { entry }] of shown) {
      if (stay.has(id)) continue;
      if (isOpen(entry)) opened.add(id);
      entry.remove();
      shown.delete(id);
    }
    for (const row of rows) put(row);
    section.hidden = shown.size === 0;
    more.hidden = all.length <= MOST;
    more.textContent = `and ${all.length - MOST} that came later`;
    tick();
  }

  function put(row) {
    const stands = JSON.stringify(row.details.attempts);
    const before = shown.get(row.id);
    if (before?.stands === stands) return;
    const entry = entryOf(row, { signal, open: isOpen(before?.entry) });
    const focused = before?.entry.contains(document.activeElement);
    if (before) before.entry.replaceWith(entry);
    else list.insertBefore(entry, [...list.children].find((each) => each.dataset.request > row.id) ?? null);
    if (focused) entry.querySelector("button").focus();
    shown.set(row.id, { entry, stands, began: performance.now() - row.response_time });
  }

  function tick() {
    for (const { entry, began } of shown.values()) {
      entry.querySelector("[data-lasts]").textContent = ms(performance.now() - began);
    }
  }

  const ticking = setInterval(tick, TICK_MS);
  signal.addEventListener("abort", () => clearInterval(ticking));
  return { section, tell, wasOpen: (id) => opened.delete(id) };
}

function isOpen(entry) {
  return entry?.classList.contains("open") ?? false;
}
