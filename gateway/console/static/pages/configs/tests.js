// Tests: those that are written in the config, what came of each, and the way to another one.

import { badge, errorBox, h, mount, waiting } from "../../dom.js";
import { kindOfStatus, ms, usd } from "../../format.js";
import { drawTree } from "../../tree.js";
import { errorsOf, nameOf, targetsOf } from "./checking.js";

const FAILED = 400;
const BEFORE = "Of the text as it was a moment ago:";

/** Returns the panel of a config's board. */
export function testsPanel(board) {
  const said = h("div", { class: "result", "aria-live": "polite" });
  const ask = h("button", { class: "button primary", type: "button", on: { click: run } }, "Run tests");
  const add = addButton(board, "Add a test from the request in Explain");
  board.run.tests = run;
  board.onChecked(draw);
  draw(board.checked());

  async function run() {
    mount(said, waiting("Waiting for the tests …"));
    await board.check();
    draw(board.checked());
  }

  function draw({ state, result, error, text }) {
    if (state === "failed") mount(said, errorBox(error));
    else if (!result) mount(said, waiting("Waiting for the tests …"));
    else mount(said, text === board.text() ? null : h("p", { class: "muted" }, BEFORE), list(result, board));
  }

  return h("div", null, h("div", { class: "toolbar buttons" }, ask, add), said);
}

/** Returns the button that writes a test into the text, from the request that is asked about. */
export function addButton(board, text) {
  const why = board.readOnly ? "Edit a copy to add tests." : null;
  const click = () => board.addTest();
  return h("button", { class: "button", type: "button", disabled: board.readOnly, title: why, on: { click } }, text);
}

function list(result, board) {
  const { tests, tree } = result;
  if (!tests?.length) {
    const unread = !tree && errorsOf(result).length > 0;
    const why = unread
      ? "Tests run once the config can be read: mend its errors first."
      : "This config has no tests yet.";
    return h("div", { class: "empty" }, h("p", null, why));
  }
  const failed = tests.filter((test) => !test.passed).length;
  const all = tests.length === 1 ? "The test" : `All ${tests.length} tests`;
  const summary = failed === 0 ? `${all} passed.` : `${failed} of ${tests.length} failed.`;
  return h(
    "div",
    null,
    h(
      "p",
      { class: "summary", role: "status" },
      badge(failed ? "failed" : "passed", failed ? "bad" : "ok"),
      " ",
      summary,
    ),
    h(
      "ul",
      { class: "cases" },
      tests.map((test) => row(test, tree, board)),
    ),
  );
}

function row({ name, passed, line, problems = [], told = {} }, tree, board) {
  const { status, target, attempts = [], cost_usd: cost, seconds, adaptations = [] } = told;
  const answered = status < FAILED;
  const jump = line
    ? h(
        "button",
        { class: "button quiet small", type: "button", on: { click: () => board.goTo(line) } },
        `Line ${line}`,
      )
    : null;
  return h(
    "li",
    { class: passed ? "case passed" : "case failed" },
    h(
      "div",
      { class: "case-head" },
      badge(passed ? "passed" : "failed", passed ? "ok" : "bad"),
      h("strong", null, name),
      jump,
    ),
    problems.length
      ? h(
          "ul",
          { class: "problem-words" },
          problems.map((each) => h("li", null, each)),
        )
      : null,
    h(
      "div",
      { class: "chips" },
      status ? badge(String(status), kindOfStatus(status)) : null,
      target ? h("span", { class: "chip" }, `${answered ? "answered" : "told"} by ${called(tree, target)}`) : null,
      h("span", { class: "chip" }, `${attempts.length} ${attempts.length === 1 ? "attempt" : "attempts"}`),
      h("span", { class: "chip" }, ms((seconds ?? 0) * 1000)),
      h("span", { class: "chip" }, usd(cost)),
      adaptations.map((each) => h("span", { class: "chip" }, String(each))),
    ),
    route(tree, told, { answered, open: !passed }),
  );
}

function called(tree, path) {
  const found = targetsOf(tree).find((node) => node.path === path);
  return found ? nameOf(found) : path;
}

function route(tree, { attempts = [], passed_over: passedOver, target }, { answered, open }) {
  if (!tree || attempts.length === 0) return null;
  const chosen = (answered && target) || undefined;
  const details = h("details", { open }, h("summary", null, "The way it took"));
  // Drawn when it is looked at: a config may have a hundred tests.
  const draw = () => {
    if (details.open && details.children.length === 1) {
      details.append(drawTree(tree, { attempts, passedOver, chosen, label: "The way it took" }));
    }
  };
  details.addEventListener("toggle", draw);
  draw();
  return details;
}
