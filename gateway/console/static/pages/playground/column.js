// One column: where its request goes, what is assumed on the way, and what came of it.

import { api } from "../../api.js";
import { copyButton } from "../../copy.js";
import { errorBox, h, mount, waiting } from "../../dom.js";
import { field } from "../../field.js";
import { ms, usd } from "../../format.js";
import { drawTree } from "../../tree.js";
import { drawAnswer } from "./answer.js";
import { asked, curl, explain, paint, recordOf } from "./asking.js";
import { chooser, treeOfModel, wayTo } from "./choice.js";
import { clock } from "./clock.js";
import { whatIf } from "./whatif.js";

/** Returns a column: `element`, `choice()`, `name(number, removable)`, and what can be done with it. */
export function column({ routes, models, chosen, read, signal, onRemove, onChoice }) {
  const select = chooser(routes, models, chosen);
  const heading = h("h2", null);
  const remove = h("button", { class: "button quiet small", type: "button", on: { click: onRemove } }, "Remove");
  const panel = whatIf({ onChange: showCurl });
  const timer = clock();
  const told = h("p", { class: "visually-hidden", role: "status" });
  const line = h("pre", { class: "curl mono", tabindex: 0, "aria-label": "curl" });
  const out = h("div", { class: "out" });
  const lines = h(
    "details",
    { class: "curl-line", on: { toggle: showCurl } },
    h("summary", null, "curl"),
    line,
    copyButton("Copy", () => line.textContent),
  );
  const element = h(
    "section",
    { class: "card column" },
    h("div", { class: "column-head" }, heading, timer.element, remove),
    field("Config or model", select),
    panel.element,
    told,
    out,
    lines,
  );
  let tree = null;
  let drawn = 0;
  select.addEventListener("change", () => {
    onChoice();
    follow();
  });
  follow();
  return {
    element,
    name,
    choice: () => select.value,
    busy,
    paint: paintNow,
    explain: explainNow,
    showCurl,
    focus: () => select.focus(),
  };

  function name(number, removable) {
    heading.textContent = `Column ${number}`;
    heading.id = `column-${number}`;
    element.setAttribute("aria-labelledby", heading.id);
    remove.setAttribute("aria-label", `Remove column ${number}`);
    remove.hidden = !removable;
  }

  function busy(yes) {
    select.disabled = yes;
    remove.disabled = yes;
  }

  async function follow() {
    drawn += 1;
    const own = drawn;
    const way = wayTo(select.value, models);
    tree = null;
    panel.follow(null);
    if (way.config === null) tree = treeOfModel(way);
    else {
      mount(out, waiting("Waiting for the route …"));
      try {
        ({ tree } = await api(`/v1/routes/${encodeURIComponent(way.config)}`, { signal }));
      } catch (error) {
        if (!signal.aborted && own === drawn) mount(out, errorBox(error));
        return;
      }
    }
    if (own !== drawn) return;
    panel.follow(tree);
    mount(out, h("h3", null, "Where it may go"), drawTree(tree, { label: "Where it may go" }));
  }

  function ask(request) {
    return asked(request, wayTo(select.value, models), panel.header());
  }

  function showCurl() {
    if (!lines.open) return;
    try {
      line.textContent = curl(ask(read()));
    } catch (slip) {
      line.textContent = slip.message;
    }
  }

  async function paintNow(request, stopped) {
    drawn += 1;
    const sent = ask(request);
    const route = tree;
    mount(out, waiting("Painting …"));
    timer.start();
    let result;
    try {
      result = await paint(sent, stopped);
    } catch {
      if (!signal.aborted)
        mount(
          out,
          h("p", { class: "muted", role: "status" }, "Cancelled. An attempt that was under way may be billed."),
        );
      return;
    } finally {
      timer.stop();
    }
    if (signal.aborted) return;
    told.textContent = result.error ? `Failed after ${ms(result.ms)}.` : `Painted after ${ms(result.ms)}.`;
    mount(out, drawAnswer({ ask: sent, result, record: null, tree: route }));
    complete(sent, result, route);
  }

  // The answer stands without its record, which comes a moment later and tells of each attempt.
  async function complete(sent, result, route) {
    const own = drawn;
    const gone = () => signal.aborted || own !== drawn; // somebody painted again, or went elsewhere
    const record = await found(result.trace);
    if (record === null || gone()) return;
    const known = await treeOf(record, route);
    if (!gone()) mount(out, drawAnswer({ ask: sent, result, record, tree: known }));
  }

  async function found(trace) {
    try {
      return await recordOf(trace, signal);
    } catch {
      return null; // the answer is there, and says what it can without its record
    }
  }

  async function treeOf(record, route) {
    if (!record.config || !record.config_version) return route;
    try {
      const version = encodeURIComponent(record.config_version);
      return (await api(`/v1/routes/${encodeURIComponent(record.config)}?version=${version}`, { signal })).tree;
    } catch {
      return route;
    }
  }

  async function explainNow(request, stopped) {
    drawn += 1;
    const own = drawn;
    mount(out, waiting("Explaining …"));
    try {
      const story = await explain(ask(request), stopped);
      if (own === drawn)
        mount(
          out,
          h("h3", null, "Where it would go"),
          drawTree(story.tree, { explain: true, label: "Where it would go" }),
          worst(story),
        );
    } catch (error) {
      if (!signal.aborted && own === drawn)
        mount(out, stopped.aborted ? h("p", { class: "muted" }, "Cancelled.") : errorBox(error));
    }
  }
}

function worst({ worst_case: worst }) {
  if (!worst) return null;
  const cost = worst.cost_usd === null ? "a cost nobody knows" : usd(worst.cost_usd);
  const attempts = worst.attempts === 1 ? "1 attempt" : `${worst.attempts} attempts`;
  return h("p", { class: "muted" }, `Nothing was sent. At worst: ${attempts}, ${ms(worst.seconds * 1000)}, ${cost}.`);
}
