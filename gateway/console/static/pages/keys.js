// Keys and budgets: who may come in, with which credentials pictures are bought, and how much may be spent.

import { errorBox, h, mount, waiting } from "../dom.js";
import { showApiKeys } from "./keys/api_keys.js";
import { showBudgets } from "./keys/budgets.js";
import { showDeclared } from "./keys/declared.js";
import { showVirtualKeys } from "./keys/virtual_keys.js";

export const title = "Keys and budgets";

const TABS = {
  api: ["API keys", showApiKeys],
  virtual: ["Virtual keys", showVirtualKeys],
  budgets: ["Budgets", showBudgets],
  files: ["In files", showDeclared],
};

/** Shows the page; the rest of the address says which tab. */
export async function show(root, { params, signal, navigate }) {
  const first = Object.hasOwn(TABS, params.id ?? "") ? params.id : "api";
  const panel = h("div", { role: "tabpanel", id: "keys-panel", tabindex: -1 });
  const tabs = Object.entries(TABS).map(([id, [name]]) =>
    h(
      "button",
      {
        role: "tab",
        type: "button",
        id: `keys-${id}`,
        "aria-controls": "keys-panel",
        "data-tab": id,
        on: { click: () => open(id) },
      },
      name,
    ),
  );
  let drawing = new AbortController();
  signal.addEventListener("abort", () => drawing.abort());
  mount(
    root,
    h("div", { class: "tabs", role: "tablist", "aria-label": "Keys and budgets", on: { keydown: walk } }, tabs),
    panel,
  );
  await open(first);

  async function open(id) {
    drawing.abort();
    drawing = new AbortController();
    const own = drawing.signal;
    const [name, draw] = TABS[id];
    for (const tab of tabs) {
      const is = tab.dataset.tab === id;
      tab.setAttribute("aria-selected", String(is));
      tab.tabIndex = is ? 0 : -1;
    }
    panel.setAttribute("aria-labelledby", `keys-${id}`);
    navigate(`/keys/${id}`, { quiet: true });
    const inside = h("div");
    mount(panel, waiting(`Waiting for ${name} …`));
    try {
      await draw(inside, { signal: own });
      if (!own.aborted) mount(panel, inside);
    } catch (error) {
      const retry = h("button", { class: "button", type: "button", on: { click: () => open(id) } }, "Try again");
      if (!own.aborted) mount(panel, errorBox(error), retry);
    }
  }

  function walk(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = tabs.indexOf(event.target);
    if (step === undefined || at === -1) return;
    event.preventDefault();
    const next = tabs[(at + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  }
}
