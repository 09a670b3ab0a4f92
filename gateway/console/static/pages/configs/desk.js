// The page of one config: the text with its problems, the tree beside it, and the panels below.

import { badge, h, mount, toast } from "../../dom.js";
import { editor } from "../../editor.js";
import { errorsOf } from "./checking.js";
import { completionsAt } from "./completion.js";
import { explainPanel } from "./explain.js";
import { notesOf } from "./notices.js";
import { checkState, problemList } from "./problems.js";
import { simulatePanel } from "./simulate.js";
import { sketch } from "./sketch.js";
import { tabs } from "./tabs.js";
import { testsPanel } from "./tests.js";
import { versionsPanel } from "./versions.js";
import { lineOfTest } from "./yaml.js";

/** Draws a board in `root`; gives it `goTo`, `addTest` and `tab`, and returns the tabs. */
export function desk(root, board, { schema, tab, onTab, acts }) {
  const state = checkState();
  const holder = h("div", { class: "editor" });
  const problems = h("div", { class: "problems-box" });
  let full = false;
  const steer = editor(holder, {
    value: board.text(),
    readOnly: board.readOnly,
    label: "Text of the config, YAML",
    complete: (cursor) => completions(schema, cursor),
    onChange: (text) => {
      const kept = board.wrote(text);
      if (!kept && !full)
        toast("This browser has no room to keep your edits: they are lost when the page is left.", "warn");
      full = !kept;
    },
  });
  board.signal.addEventListener("abort", () => steer.destroy(), { once: true });
  board.goTo = (line, column) => steer.goTo(line, column);
  board.addTest = addTest;
  board.onChecked((last) => {
    state.show(last);
    const errors = last.result ? errorsOf(last.result).length : 0;
    activateButton.disabled = board.isUnchanged() || errors > 0;
    const idle = board.isUnchanged() ? "This text is in effect already." : "Ctrl+S";
    activateButton.title = errors ? "There are errors to mend first." : idle;
    if (last.state !== "known") return;
    steer.showProblems(last.result.problems);
    mount(problems, problemList(last.result.problems, board.goTo));
  });

  const check = h("button", { class: "button", type: "button", title: "Ctrl+S", on: { click: acts.check } }, "Check");
  const activateButton = h(
    "button",
    { class: "button primary", type: "button", on: { click: acts.activate } },
    "Activate",
  );
  const shown = tabs(
    "What to ask of this config",
    [
      { id: "explain", title: "Explain", draw: () => explainPanel(board) },
      { id: "tests", title: "Tests", draw: () => testsPanel(board) },
      { id: "simulate", title: "Simulate", draw: () => simulatePanel(board) },
      { id: "versions", title: "Versions", draw: () => versionsPanel(board) },
    ],
    { chosen: tab, onChoose: onTab },
  );
  mount(
    root,
    heading(board),
    h("div", { class: "toolbar config-bar" }, state.element, check, board.readOnly ? null : activateButton),
    notesOf(board, acts),
    h("div", { class: "split desk" }, h("section", { "aria-label": "Text" }, holder, problems), sketch(board)),
    shown.element,
  );
  activateButton.disabled = board.isUnchanged();
  state.show(board.checked());
  return shown;

  async function addTest() {
    let added;
    try {
      added = await board.testAdded();
    } catch (error) {
      if (!board.signal.aborted) toast(error.message, "bad");
      return;
    }
    if (board.signal.aborted) return;
    steer.setValue(added.text);
    const line = lineOfTest(added.text, added.name);
    shown.choose("tests");
    board.goTo(line + 1, 1);
    toast(`Added the test “${added.name}”: it expects what happens today.`, "ok");
    await board.check();
  }
}

function heading(board) {
  const { source, name, id, number, version, isDefault } = board;
  return h(
    "div",
    { class: "config-head" },
    h("a", { href: "#/configs" }, "All configs"),
    h("h2", null, name),
    id && id !== name ? h("span", { class: "mono muted" }, id) : null,
    badge(source, source === "stored" ? "info" : "dim"),
    isDefault ? badge("default", "info") : null,
    number ? badge(`version ${number}`) : null,
    version ? h("span", { class: "mono muted" }, version) : null,
  );
}

async function completions(schema, { text, line, column }) {
  const found = completionsAt(await schema, text, line - 1, column - 1);
  return found && found.from >= 0 ? { ...found, from: found.from + 1 } : null;
}
