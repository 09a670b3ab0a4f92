// How the gateway is: targets, requests under way, budgets, and what its files and its database say.

import { api } from "../api.js";
import { empty, errorBox, h, mount, waiting } from "../dom.js";
import { when } from "../format.js";
import { budgetsOf } from "./health/budgets.js";
import { redraw } from "./health/redraw.js";
import { readinessOf } from "./health/readiness.js";
import { targetsOf } from "./health/targets.js";

export const title = "Health";

const EVERY_MS = 4000;

/** Draws the page, and keeps it up to date while it is looked at. */
export async function show(root, { signal }) {
  const state = { wanted: "", auto: true, health: null };
  const auto = h("button", { class: "button", type: "button", "aria-pressed": "true" }, "Auto refresh");
  const now = h("button", { class: "button", type: "button" }, "Refresh");
  const search = h("input", {
    type: "search",
    "aria-label": "Find a target",
    placeholder: "Find a target  /",
    "data-search": "",
  });
  const asOf = h("span", { class: "muted" }, "");
  const readiness = h("section", { "aria-label": "Gateway" }, waiting("Waiting for the gateway's state …"));
  const targets = h("section", { "aria-label": "Targets" }, waiting("Waiting for the targets …"));
  const budgets = h("section", { "aria-label": "Budgets" }, waiting("Waiting for the budgets …"));
  mount(
    root,
    h("div", { class: "toolbar" }, now, auto, asOf),
    readiness,
    h(
      "div",
      { class: "toolbar section-head" },
      h("h2", null, "Targets"),
      h("span", { class: "grow" }),
      h("div", { class: "field" }, search),
    ),
    targets,
    h("div", { class: "toolbar section-head" }, h("h2", null, "Budgets")),
    budgets,
  );

  let timer = null;
  let turn = 0;
  async function refresh() {
    clearTimeout(timer);
    turn += 1;
    const mine = turn;
    const paths = ["/v1/health/targets", "/v1/budgets"];
    const [ready, health, spent] = await Promise.allSettled([
      readyz(signal),
      ...paths.map((path) => api(path, { signal })),
    ]);
    if (signal.aborted || mine !== turn) return; // somebody asked anew meanwhile
    asOf.textContent = `as of ${when(new Date().toISOString())}`;
    part(readiness, ready, (told) => readinessOf(told, health.value));
    state.health = health;
    drawTargets();
    part(budgets, spent, ({ data }) => (data?.length ? budgetsOf(data) : noBudgets()));
    later();
  }

  function drawTargets() {
    part(targets, state.health, (health) => targetsOf(health, state.wanted));
  }

  function later() {
    clearTimeout(timer);
    if (state.auto && !document.hidden && !signal.aborted) timer = setTimeout(refresh, EVERY_MS);
  }

  auto.addEventListener("click", () => {
    state.auto = !state.auto;
    auto.setAttribute("aria-pressed", String(state.auto));
    if (state.auto) refresh();
    else clearTimeout(timer);
  });
  now.addEventListener("click", refresh);
  search.addEventListener("input", () => {
    state.wanted = search.value.trim().toLowerCase();
    if (state.health) drawTargets();
  });
  // Nobody looks at a hidden tab, so it asks for nothing.
  document.addEventListener(
    "visibilitychange",
    () => (document.hidden ? clearTimeout(timer) : state.auto && refresh()),
    { signal },
  );
  signal.addEventListener("abort", () => clearTimeout(timer));
  await refresh();
}

async function readyz(signal) {
  try {
    return await api("/readyz", { signal });
  } catch (error) {
    if (error.body?.status) return error.body; // a gateway that stops tells it with status 503
    throw error;
  }
}

function part(root, { status, value, reason }, draw) {
  redraw(root, status === "fulfilled" ? draw(value) : errorBox(reason));
}

function noBudgets() {
  return empty("Nothing has a budget or a rate limit.", h("a", { href: "#/keys" }, "Set one in Keys and budgets"));
}
