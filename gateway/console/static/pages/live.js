// Requests as they happen, the newest first; each opens to the way it took.

import { errorBox, h, mount, waiting } from "../dom.js";
import { count } from "../format.js";
import { entryOf } from "./live/entry.js";
import { listen } from "./live/listen.js";
import { underWay } from "./live/under_way.js";

export const title = "Live";

const MOST = 200;
const MOST_KNOWN = 2000;
const DRAW_MS = 150;
const TELL_MS = 4000;

/** Draws the page. */
export async function show(root, { signal }) {
  const state = h("span", { class: "badge dim", role: "status", "data-state": "connecting" }, "connecting");
  const counted = h("span", { class: "muted", role: "status", "aria-live": "polite" }, "");
  const pause = h("button", { class: "button", type: "button", "aria-pressed": "false" }, "Pause");
  const clear = h("button", { class: "button quiet", type: "button" }, "Clear");
  const said = h("div");
  const working = underWay({ signal });
  const feed = h("ol", { class: "feed", "aria-label": "Requests, the newest first" });
  const nothing = h("div", { class: "empty" }, waiting("Waiting for the first request …"), hint());
  mount(
    root,
    h("div", { class: "toolbar" }, pause, clear, state, h("span", { class: "grow" }), counted),
    said,
    working.section,
    feed,
    nothing,
  );

  const known = new Set();
  let fresh = [];
  let paused = false;
  let standing = [];
  let seen = 0;
  let told = 0;
  let drawing = null;
  const opened = new Date().toISOString();

  function take(told, name) {
    if (name === "under_way") stand(told);
    else if (name === "message") add(told);
  }

  function stand(rows) {
    standing = rows;
    if (!paused) working.tell(rows);
    show();
  }

  function add(row) {
    if (!row?.id || known.has(row.id)) return;
    known.add(row.id);
    if (known.size > MOST_KNOWN) known.delete(known.values().next().value);
    if (row.created_at >= opened) seen += 1;
    fresh.push(row);
    if (fresh.length > MOST) fresh.shift();
    drawing ??= setTimeout(draw, DRAW_MS);
  }

  function draw() {
    drawing = null;
    if (signal.aborted) return;
    if (paused) {
      const waitingRows = fresh.length >= MOST ? `${MOST} and more` : fresh.length;
      pause.textContent = fresh.length ? `Resume (${waitingRows} new)` : "Resume";
    } else {
      fresh.sort((one, other) => (one.created_at < other.created_at ? 1 : -1));
      feed.prepend(...fresh.map((row) => entryOf(row, { signal, open: working.wasOpen(row.id) })));
      fresh = [];
      trim(feed);
    }
    show();
    if (seen && (told === 0 || Date.now() - told > TELL_MS)) tell();
  }

  function show() {
    nothing.hidden = feed.children.length > 0 || !working.section.hidden;
  }

  function tell() {
    told = Date.now();
    counted.textContent = `${count(seen)} ${seen === 1 ? "request" : "requests"} since this page was opened`;
  }

  pause.addEventListener("click", () => {
    paused = !paused;
    if (!paused) working.tell(standing);
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Resume" : "Pause";
    draw();
  });
  clear.addEventListener("click", () => {
    feed.replaceChildren();
    fresh = [];
    draw();
  });
  const telling = setInterval(() => seen && tell(), TELL_MS);
  signal.addEventListener("abort", () => {
    clearTimeout(drawing);
    clearInterval(telling);
  });

  listen(take, {
    signal,
    onState(word, kind, error) {
      state.textContent = word;
      state.className = `badge ${kind}`;
      state.dataset.state = word;
      mount(said, error ? errorBox(error) : null);
      if (kind !== "ok") stand([]); // nobody knows what becomes of them
    },
  });
}

function trim(feed) {
  let entry = feed.lastElementChild;
  while (entry && feed.children.length > MOST) {
    const before = entry.previousElementSibling;
    // What somebody reads stays where it is.
    if (!entry.classList.contains("open")) entry.remove();
    entry = before;
  }
}

function hint() {
  return h(
    "p",
    null,
    "Paint one in the ",
    h("a", { href: "#/playground" }, "Playground"),
    ", or send one with your own program.",
  );
}
