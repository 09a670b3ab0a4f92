// The Playground: one prompt, painted through several configs or models side by side.

import { api } from "../api.js";
import { empty, errorBox, h, mount, waiting } from "../dom.js";
import { Slip } from "../field.js";
import { configChoice, firstChoice } from "./playground/choice.js";
import { column } from "./playground/column.js";
import { keep, kept } from "./playground/remembered.js";
import { requestForm } from "./playground/request.js";

export const title = "Playground";

const COLUMNS = "columns";
const MOST = 4;

/** Shows the page; `config` in the query says what the first column goes through. */
export async function show(root, { query, signal }) {
  mount(root, waiting("Waiting for the configs and models …"));
  const [routes, models] = await Promise.all([all("/v1/routes", signal), all("/v1/models", signal)]);
  if (signal.aborted) return;
  const form = requestForm(models);
  const said = h("div");
  const columns = [];
  const side = h("div", { class: "columns" });
  const buttons = {
    paint: h(
      "button",
      { class: "button primary", type: "button", title: "Ctrl+Enter", on: { click: () => run("paint") } },
      "Paint",
    ),
    explain: h("button", { class: "button", type: "button", on: { click: () => run("explain") } }, "Explain"),
    cancel: h(
      "button",
      { class: "button danger", type: "button", hidden: true, on: { click: () => running?.abort() } },
      "Cancel",
    ),
    add: h("button", { class: "button", type: "button", on: { click: () => add().focus() } }, "Add a column"),
  };
  let running = null;
  mount(
    root,
    h(
      "section",
      { class: "card", "aria-label": "Request" },
      form.element,
      said,
      h("div", { class: "toolbar end" }, Object.values(buttons)),
    ),
    side,
  );
  root.addEventListener("input", refreshCurl);
  document.addEventListener("keydown", onKey, { signal });
  signal.addEventListener("abort", () => running?.abort());
  if (routes.length === 0 && models.length === 0)
    mount(
      side,
      empty(
        "There is no config and no model. Put a config into the gateway's folder, or make one on the page Configs.",
      ),
    );
  else for (const chosen of before(query, routes)) add(chosen);
  const named = query.get("config");
  if (named !== null && !routes.some((route) => route.id === named)) {
    mount(said, errorBox(new Error(`There is no config ${named.slice(0, 80)} here. Choose another one below.`)));
  }

  function add(chosen = firstChoice(routes)) {
    const made = column({
      routes,
      models,
      chosen,
      read: form.read,
      signal,
      onChoice: note,
      onRemove: () => drop(made),
    });
    columns.push(made);
    side.append(made.element);
    settle();
    return made;
  }

  function drop(made) {
    columns.splice(columns.indexOf(made), 1);
    made.element.remove();
    settle();
    buttons.add.focus();
  }

  function settle() {
    columns.forEach((each, index) => each.name(index + 1, columns.length > 1));
    buttons.add.disabled = columns.length >= MOST;
    side.dataset.columns = String(columns.length);
    note();
    refreshCurl();
  }

  function note() {
    keep(
      COLUMNS,
      columns.map((each) => each.choice()),
    );
  }

  function refreshCurl() {
    for (const each of columns) each.showCurl();
  }

  async function run(what) {
    if (running !== null || columns.length === 0) return;
    let request;
    try {
      request = form.read();
    } catch (slip) {
      mount(said, errorBox(slip));
      if (slip instanceof Slip) slip.input.focus();
      return;
    }
    mount(said);
    running = new AbortController();
    busy(true);
    if (what === "paint") form.remember(request.body.prompt);
    const { signal: stopped } = running;
    await Promise.all(columns.map((each) => each[what](request, stopped)));
    running = null;
    busy(false);
  }

  function busy(yes) {
    buttons.cancel.hidden = !yes;
    for (const button of [buttons.paint, buttons.explain]) button.disabled = yes;
    buttons.add.disabled = yes || columns.length >= MOST;
    for (const each of columns) each.busy(yes);
  }

  function onKey(event) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run("paint");
  }
}

async function all(path, signal) {
  return (await api(path, { signal })).data;
}

function before(query, routes) {
  const named = query.get("config");
  if (named !== null) return [configChoice(named)];
  const columns = kept(COLUMNS, [])
    .filter((each) => typeof each === "string")
    .slice(0, MOST);
  return columns.length ? columns : [firstChoice(routes)];
}
