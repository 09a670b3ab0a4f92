// Two texts and what differs, drawn line by line: one below the other, or side by side.

import { h, mount } from "../../dom.js";
import { countOf, lineChanges } from "./lines.js";

const AROUND = 3;
const SIGNS = { same: " ", removed: "−", added: "+" };
const WORDS = { same: null, removed: "removed: ", added: "added: " };

/** Returns an element that shows what differs; `names` say what the two texts are. */
export function linesView(before, after, names, { beside = false } = {}) {
  const changes = lineChanges(before, after);
  const { added, removed } = countOf(changes);
  const summary = added + removed === 0 ? "Nothing differs." : `${plural(added, "line")} added, ${removed} removed.`;
  const body = h("div", {
    class: "table-wrap lines-wrap",
    tabindex: "0",
    role: "region",
    "aria-label": "What differs",
  });
  const chosen = { beside, whole: false };
  const side = toggle(
    "Side by side",
    () => chosen.beside,
    (on) => (chosen.beside = on),
  );
  const whole = toggle(
    "All lines",
    () => chosen.whole,
    (on) => (chosen.whole = on),
  );
  draw();
  return h(
    "div",
    { class: "lines" },
    h("div", { class: "toolbar" }, h("span", { class: "grow" }, summary), side, whole),
    body,
  );

  function toggle(text, get, set) {
    const button = h("button", { class: "button small", type: "button", "aria-pressed": String(get()) }, text);
    button.addEventListener("click", () => {
      set(!get());
      button.setAttribute("aria-pressed", String(get()));
      draw();
    });
    return button;
  }

  function draw() {
    const parts = chosen.whole || added + removed === 0 ? changes : shortened(changes);
    mount(body, chosen.beside ? besideEachOther(parts, names) : belowEachOther(parts, names));
  }
}

/** Returns the lines near a change, with `{kind: "left out", lines}` in place of those between. */
export function shortened(changes) {
  const near = new Uint8Array(changes.length);
  for (const [at, { kind }] of changes.entries()) {
    if (kind !== "same") near.fill(1, Math.max(0, at - AROUND), at + AROUND + 1);
  }
  const parts = [];
  for (const [at, line] of changes.entries()) {
    const last = parts.at(-1);
    if (near[at]) parts.push(line);
    else if (last?.kind === "left out") last.lines += 1;
    else parts.push({ kind: "left out", lines: 1 });
  }
  return parts;
}

function belowEachOther(parts, names) {
  const row = (line) => h("tr", { class: line.kind }, number(line.before), number(line.after), text(line));
  const rows = parts.map((line) => (line.kind === "left out" ? leftOut(line, 3) : row(line)));
  return table(["", "", `${names[0]} → ${names[1]}`], rows);
}

function besideEachOther(parts, names) {
  const rows = [];
  let waiting = [];
  for (const line of parts) {
    if (line.kind === "added" && waiting.length) {
      const removed = waiting.shift();
      rows.push(pair(removed, line));
    } else if (line.kind === "removed") {
      waiting.push(line);
    } else {
      rows.push(...waiting.map((removed) => pair(removed, null)));
      waiting = [];
      if (line.kind === "left out") rows.push(leftOut(line, 4));
      else rows.push(line.kind === "added" ? pair(null, line) : pair(line, line));
    }
  }
  rows.push(...waiting.map((removed) => pair(removed, null)));
  return table(["", names[0], "", names[1]], rows, "beside");
}

function pair(one, other) {
  return h(
    "tr",
    null,
    number(one?.before, one?.kind),
    one ? text(one) : h("td", { class: "nothing" }),
    number(other?.after, other?.kind),
    other ? text(other) : h("td", { class: "nothing" }),
  );
}

function text({ kind, text: words }) {
  const said = WORDS[kind] ? h("span", { class: "visually-hidden" }, WORDS[kind]) : null;
  return h(
    "td",
    { class: `line ${kind}` },
    h("span", { class: "sign", "aria-hidden": "true" }, SIGNS[kind]),
    said,
    words,
  );
}

function number(at, kind = "") {
  return h("td", { class: `number ${kind}` }, at ?? "");
}

function leftOut({ lines }, columns) {
  return h("tr", { class: "left-out" }, h("td", { colspan: columns }, `${plural(lines, "line")} alike`));
}

function table(heads, rows, kind = "below") {
  const head = heads.map((word) => h("th", { scope: "col" }, word || h("span", { class: "visually-hidden" }, "line")));
  return h(
    "table",
    { class: `lines-table mono ${kind}` },
    h("thead", null, h("tr", null, head)),
    h("tbody", null, rows),
  );
}

function plural(n, word) {
  return `${n} ${word}${n === 1 ? "" : "s"}`;
}
