// All configs that a request may name: those of files, those that are stored, and the way to a new one.

import { api } from "../../api.js";
import { badge, empty, h, mount, waiting } from "../../dom.js";
import { count } from "../../format.js";
import { copyOf, draftOf, NEW } from "./draft.js";

/** Shows the list in `root`. */
export async function showList(root, { query, signal, navigate }) {
  const search = h("input", {
    type: "search",
    "data-search": "",
    "aria-label": "Search configs",
    placeholder: "Search by name, description or file",
    value: query.get("q") ?? "",
    on: { input: draw },
  });
  let data = null;
  const start = h(
    "button",
    { class: "button primary", type: "button", on: { click: () => navigate("/configs?new=1") } },
    "New config",
  );
  const found = h("p", { class: "muted", role: "status" });
  const rows = h("div", null, waiting("Waiting for the list of configs …"));
  mount(
    root,
    h("div", { class: "toolbar" }, h("div", { class: "grow" }, search), start),
    begunNote(navigate),
    found,
    rows,
  );
  ({ data } = await api("/v1/routes", { signal }));
  draw();

  function draw() {
    if (!data) return;
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = data.filter((row) => {
      const text = [row.id, row.name, row.description, row.file].join(" ").toLowerCase();
      return words.every((word) => text.includes(word));
    });
    navigate(search.value ? `/configs?q=${encodeURIComponent(search.value)}` : "/configs", { quiet: true });
    found.textContent =
      shown.length === data.length ? `${data.length} configs` : `${shown.length} of ${data.length} configs`;
    mount(
      rows,
      shown.length ? table(shown, navigate) : empty(words.length ? "No config has all of these words." : NOTHING),
    );
  }
}

function fileOf({ file }) {
  return file ? h("div", { class: "muted mono", title: file }, file.split("/").at(-1)) : null;
}

const NOTHING = "There is no config yet. Make a new one, or start the gateway with --configs and a folder.";

function table(rows, navigate) {
  const heads = ["Config", "Kept in", "Targets", "Version", "Actions"].map((title) =>
    h("th", { scope: "col", class: title === "Targets" ? "num" : null }, title),
  );
  const body = rows.map((row) => line(row, navigate));
  return h(
    "div",
    { class: "table-wrap" },
    h("table", { class: "table configs-table" }, h("thead", null, h("tr", null, heads)), h("tbody", null, body)),
  );
}

function line(row, navigate) {
  const copy = h(
    "button",
    {
      class: "button small",
      type: "button",
      "aria-describedby": `config-${row.id}`,
      on: { click: () => navigate(`/configs?new=1&copy=${encodeURIComponent(row.id)}`) },
    },
    "Edit a copy",
  );
  return h(
    "tr",
    null,
    h(
      "th",
      { scope: "row" },
      h("a", { href: `#/configs/${encodeURIComponent(row.id)}`, id: `config-${row.id}` }, row.name || row.id),
      row.name && row.name !== row.id ? h("span", { class: "muted mono" }, ` ${row.id}`) : null,
      " ",
      row.is_default ? badge("default", "info") : null,
      " ",
      row.kind === "settings" ? badge("settings") : null,
      " ",
      draftOf(row.id) ? badge("unsaved edits", "warn") : null,
      draftOf(copyOf(row.id)) ? badge("copy begun", "warn") : null,
      row.description ? h("div", { class: "muted about" }, row.description) : null,
    ),
    h("td", null, row.source === "file" ? badge("file") : badge("stored", "info"), " ", fileOf(row)),
    h("td", { class: "num" }, count(row.targets)),
    h(
      "td",
      { class: "mono muted version" },
      typeof row.version === "number" ? `version ${row.version}` : (row.version ?? "–"),
    ),
    h("td", null, row.source === "file" ? copy : null),
  );
}

/** Returns a note about the config that was begun and not named yet, if there is one. */
function begunNote(navigate) {
  if (!draftOf(NEW)) return null;
  const open = h(
    "button",
    { class: "button small", type: "button", on: { click: () => navigate("/configs?new=1") } },
    "Go on",
  );
  return h("p", { class: "note" }, "You began a new config in this tab and did not activate it. ", open);
}
