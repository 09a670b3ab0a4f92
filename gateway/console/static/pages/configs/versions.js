// Versions: what a config has been, what differs between two of them, and the way back to one.

import { api } from "../../api.js";
import { badge, empty, errorBox, h, mount, toast, waiting } from "../../dom.js";
import { field, oneOf } from "../../field.js";
import { when } from "../../format.js";
import { decided } from "./decision.js";
import { linesView } from "./lines_view.js";
import { pathOf, textOfVersion } from "./source.js";

/** Returns the panel of a config's board. */
export function versionsPanel(board) {
  const root = h("div", null);
  board.run.versions = load;
  const file = `This config is kept in ${board.file ?? "a file"}: its versions are where its file's are.`;
  if (board.source === "stored") load();
  else mount(root, empty(board.source === "file" ? file : "A config has versions once it is activated."));
  return root;

  async function load() {
    if (board.source !== "stored") return;
    mount(root, waiting("Waiting for the versions …"));
    try {
      const { data, total } = await api(`${pathOf(board.id, "versions")}?page_size=100`, { signal: board.signal });
      mount(root, ...drawn(board, data, total));
    } catch (error) {
      if (!board.signal.aborted) mount(root, errorBox(error));
    }
  }
}

function drawn(board, versions, total) {
  const said = h("div", { class: "result", "aria-live": "polite" });
  const texts = new Map();
  const options = versions.map((each) => [each.id, `Version ${each.version}, ${when(each.created_at)}`]);
  const edited = !board.isUnchanged();
  const from = oneOf(options, (versions[edited ? 0 : 1] ?? versions[0])?.id, { on: { change: compare } });
  const to = oneOf([["", "the text above"], ...options], edited ? "" : versions[0]?.id, { on: { change: compare } });
  compare();
  return [
    table(board, versions),
    total > versions.length ? h("p", { class: "muted" }, `The newest ${versions.length} of ${total}.`) : null,
    h("h3", { class: "part" }, "What differs"),
    h(
      "div",
      { class: "toolbar" },
      h("div", { class: "grow" }, field("From", from)),
      h("div", { class: "grow" }, field("To", to)),
    ),
    said,
  ];

  async function compare() {
    const wanted = [from.value, to.value];
    mount(said, waiting("Waiting for both versions …"));
    try {
      const [before, after] = await Promise.all(wanted.map(text));
      if (from.value !== wanted[0] || to.value !== wanted[1]) return;
      const names = [from, to].map((select) => select.selectedOptions[0].textContent);
      mount(said, linesView(before, after, names));
    } catch (error) {
      if (!board.signal.aborted) mount(said, errorBox(error));
    }
  }

  async function text(id) {
    if (!id) return board.text();
    if (!texts.has(id)) texts.set(id, await textOfVersion(board.id, id, board.signal));
    return texts.get(id);
  }
}

function table(board, versions) {
  const rows = versions.map((each) => {
    const active = each.id === board.versionId;
    const click = () => rollBack(board, each);
    const back = h("button", { class: "button small danger", type: "button", on: { click } }, "Roll back");
    return h(
      "tr",
      null,
      h("th", { scope: "row" }, `Version ${each.version} `, active ? badge("active", "ok") : null),
      h("td", null, when(each.created_at)),
      h("td", null, each.created_by ?? "–"),
      h("td", null, each.name ?? "–"),
      h("td", null, active ? null : back),
    );
  });
  const heads = ["Version", "Since", "By", "Name", "Actions"].map((word) => h("th", { scope: "col" }, word));
  return h(
    "div",
    { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "Versions" },
    h("table", { class: "table" }, h("thead", null, h("tr", null, heads)), h("tbody", null, rows)),
  );
}

async function rollBack(board, version) {
  let differs;
  try {
    const texts = [board.versionId, version.id].map((id) => textOfVersion(board.id, id, board.signal));
    const [now, then] = await Promise.all(texts);
    differs = linesView(now, then, ["in effect now", `version ${version.version}`]);
  } catch (error) {
    if (!board.signal.aborted) toast(error.message, "bad");
    return;
  }
  const about = [
    h("p", null, "It becomes a new version and is in effect at once; requests under way keep theirs."),
    board.isUnchanged() ? null : h("p", { class: "note" }, "Your unsaved edits stay in this tab."),
    differs,
  ];
  const yes = `Put version ${version.version} into effect`;
  if (!(await decided(`Go back to version ${version.version} of ${board.id}?`, about, { yes, danger: true }))) return;
  try {
    await api(pathOf(board.id, "versions", version.id, "restore"), {
      method: "POST",
      body: { version_id: board.versionId },
    });
    toast(`Version ${version.version} of ${board.id} is in effect again.`, "ok");
    await board.reload("versions");
  } catch (error) {
    if (!board.signal.aborted) toast(error.message, "bad");
  }
}
