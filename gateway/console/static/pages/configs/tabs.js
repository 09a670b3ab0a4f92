// Tabs: one panel at a time, chosen by click or arrow keys, drawn when it is first looked at.

import { h } from "../../dom.js";

/** Returns `{element, choose, chosen}` of panels `{id, title, draw}`; `onChoose` hears of each choice. */
export function tabs(label, panels, { chosen, onChoose }) {
  let current = null;
  const marks = panels.map(({ id, title }) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `tab-${id}`,
        "aria-controls": `panel-${id}`,
        on: { click: () => choose(id), keydown: (event) => step(event, id) },
      },
      title,
    ),
  );
  const bodies = panels.map(({ id }) =>
    h("div", { role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}`, tabindex: "0", hidden: true }),
  );
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": label }, marks);

  function choose(id) {
    const at = Math.max(
      0,
      panels.findIndex((panel) => panel.id === id),
    );
    if (current === at) return;
    current = at;
    for (const [index, mark] of marks.entries()) {
      mark.setAttribute("aria-selected", String(index === at));
      mark.tabIndex = index === at ? 0 : -1;
      bodies[index].hidden = index !== at;
    }
    if (!bodies[at].hasChildNodes()) bodies[at].append(panels[at].draw());
    onChoose(panels[at].id);
  }

  function step(event, id) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = (panels.findIndex((panel) => panel.id === id) + by + panels.length) % panels.length;
    choose(panels[next].id);
    marks[next].focus();
  }

  choose(chosen);
  return { element: h("section", { class: "config-tabs" }, list, bodies), choose, chosen: () => panels[current].id };
}
