// What is wrong with a config: a list that leads to each line, and the state of the check in a word.

import { badge, h, mount } from "../../dom.js";
import { errorsOf } from "./checking.js";

const KINDS = { error: "bad", warning: "warn", notice: "info" };
const ORDER = ["error", "warning", "notice"];
const MOST_SHOWN = 200;

/** Returns the list of problems; each row leads to its place. */
export function problemList(problems, goTo) {
  if (!problems.length) return null;
  const sorted = [...problems].sort((one, other) => ORDER.indexOf(one.severity) - ORDER.indexOf(other.severity));
  const more = sorted.length - MOST_SHOWN;
  return h(
    "ul",
    { class: "problems", "aria-label": "Problems" },
    sorted.slice(0, MOST_SHOWN).map((problem) => h("li", null, row(problem, goTo))),
    more > 0 ? h("li", { class: "muted" }, `and ${more} more`) : null,
  );
}

function row({ line, column, path, severity, code, message }, goTo) {
  const place = line ? `Line ${line}` : path && path !== "$" ? path : "The config";
  const said = [
    badge(severity ?? "error", KINDS[severity] ?? "bad"),
    h("span", { class: "place mono" }, place),
    h("span", { class: "words" }, message, code ? h("span", { class: "muted mono" }, ` ${code}`) : null),
  ];
  if (!line) return h("div", { class: "problem" }, said);
  return h("button", { class: "problem", type: "button", on: { click: () => goTo(line, column ?? 1) } }, said);
}

/** Returns an element that always says how the text stands, and what renews it. */
export function checkState() {
  const element = h("span", { class: "check-state", role: "status" });
  return {
    element,
    show({ state, result, error }) {
      if (state === "failed") mount(element, badge("not checked", "bad"), " ", error.message);
      else if (!result) mount(element, badge("waiting"), " for the gateway to read it");
      else if (state !== "known") mount(element, badge("reading …", "dim"));
      else mount(element, ...words(result));
    },
  };
}

function words(result) {
  const errors = errorsOf(result).length;
  const others = result.problems.length - errors;
  if (errors) return [badge(count(errors, "error"), "bad"), others ? ` and ${count(others, "remark")}` : ""];
  const failed = (result.tests ?? []).filter((test) => !test.passed).length;
  if (failed) return [badge(`${count(failed, "test")} failed`, "bad")];
  const passed = result.tests?.length ? `, ${count(result.tests.length, "test")} passed` : "";
  return [badge("no errors", "ok"), ` ${others ? count(others, "remark") : ""}${passed}`.replace(/^ , /, " ")];
}

function count(n, word) {
  return `${n} ${word}${n === 1 ? "" : "s"}`;
}
