// A text editor for YAML, on CodeMirror: problems stand at their lines, and what may be written is offered.

import { h } from "./dom.js";

const VENDOR = new URL("./vendor/codemirror/", import.meta.url);
// The first one is what the others add themselves to.
const SCRIPTS = [
  "lib/codemirror.js",
  "mode/yaml/yaml.js",
  "addon/lint/lint.js",
  "addon/hint/show-hint.js",
  "addon/comment/comment.js",
  "addon/edit/matchbrackets.js",
];
const SHEETS = ["lib/codemirror.css", "addon/lint/lint.css", "addon/hint/show-hint.css"];
const SEVERITIES = { error: "error", warning: "warning", notice: "info" };
const LINT_MS = 350;
const MOST_MARKED = 500;

let loading = null;

/**
 * Makes an editor in `root`, and returns (at once) what steers it: `value()`, `setValue(text)`, `focus()`,
 * `showProblems(problems)`, `goTo(line, column)`, `insert(text)`, `ready` (a promise) and `destroy()`.
 *
 * Problems are `{line, column, severity, message, code?}`; lines and columns count from 1. `lint(text)` returns them,
 * now or later; an answer to a text that has changed meanwhile is dropped. `complete({text, line, column})` returns
 * `{from, options: [{text, label, detail}]}` or null, with `from` a column, or `{line, column}`.
 */
export function editor(
  root,
  { value = "", onChange, lint, complete, label = "Config", readOnly = false, keys = {} } = {},
) {
  // Before the library is there, and where it cannot be loaded, a plain field does.
  const plain = h("textarea", {
    class: "editor-plain mono",
    "aria-label": label,
    rows: 24,
    spellcheck: "false",
    readOnly,
  });
  plain.value = value;
  root.append(plain);
  let cm = null;
  let gone = false;
  let problems = [];
  let turn = 0;
  let timer = null;

  const changed = () => {
    onChange?.(steer.value());
    askLint();
  };
  plain.addEventListener("input", changed);

  function askLint() {
    if (!lint) return;
    turn += 1;
    const mine = turn;
    clearTimeout(timer);
    timer = setTimeout(async () => {
      let found;
      try {
        found = await lint(steer.value());
      } catch (error) {
        if (error?.name === "AbortError") return;
        found = [
          { line: 1, column: 1, severity: "notice", message: `This text could not be checked: ${error.message}` },
        ];
      }
      if (mine === turn && !gone && found) steer.showProblems(found);
    }, LINT_MS);
  }

  const steer = {
    value: () => (cm ? cm.getValue() : plain.value),
    setValue(text) {
      if (cm) cm.setValue(text);
      else {
        plain.value = text;
        changed();
      }
    },
    focus: () => (cm ?? plain).focus(),
    showProblems(found) {
      problems = found ?? [];
      cm?.performLint();
    },
    goTo(line, column = 1) {
      if (cm) {
        cm.setCursor({ line: line - 1, ch: column - 1 });
        cm.scrollIntoView(null, 80);
        cm.focus();
        return;
      }
      const before = plain.value
        .split("\n")
        .slice(0, line - 1)
        .join("\n").length;
      const at = before + (line > 1 ? 1 : 0) + column - 1;
      plain.setSelectionRange(at, at);
      plain.focus();
    },
    insert(text) {
      if (cm) cm.replaceSelection(text);
      else {
        plain.setRangeText(text);
        changed();
      }
    },
    destroy() {
      gone = true;
      clearTimeout(timer);
      root.replaceChildren();
    },
    ready: null,
  };

  steer.ready = load().then(
    (CodeMirror) => {
      if (gone) return;
      const focused = document.activeElement === plain;
      const options = { readOnly, getProblems: () => problems, complete, label, keys };
      cm = dressed(CodeMirror, root, plain.value, options);
      plain.remove();
      cm.on("change", changed);
      if (focused) cm.focus();
      cm.performLint();
    },
    () => {}, // the plain field stays
  );
  if (lint) askLint();
  return steer;
}

function dressed(CodeMirror, root, value, { readOnly, getProblems, complete, label, keys }) {
  const { Pos } = CodeMirror;
  const cm = CodeMirror(root, {
    value,
    mode: "yaml",
    readOnly,
    lineNumbers: true,
    matchBrackets: true,
    indentUnit: 2,
    tabSize: 2,
    screenReaderLabel: label,
    inputStyle: "contenteditable", // screen readers follow the cursor there
    gutters: ["CodeMirror-lint-markers", "CodeMirror-linenumbers"],
    lint: {
      getAnnotations: (_, __, editing) => annotations(Pos, editing, getProblems()),
      lintOnChange: false,
      selfContain: true,
    },
    extraKeys: {
      // Tab leaves the editor, as it does any field; indenting has keys of its own.
      Tab: false,
      "Shift-Tab": false,
      "Ctrl-]": "indentMore",
      "Ctrl-[": "indentLess",
      "Ctrl-/": "toggleComment",
      "Ctrl-Space": () => offer(),
      ...keys,
    },
  });
  const field = cm.getInputField();
  field.setAttribute("role", "textbox");
  field.setAttribute("aria-multiline", "true");
  field.setAttribute("aria-label", label);
  if (readOnly) field.setAttribute("aria-readonly", "true");
  function offer() {
    if (complete && !readOnly) cm.showHint({ hint: (editing) => hints(Pos, editing, complete), completeSingle: false });
  }
  cm.on("inputRead", (_, change) => {
    if (/[\w:\- $."]$/.test(change.text.at(-1)) && !cm.state.completionActive) offer();
  });
  return cm;
}

async function hints(Pos, cm, complete) {
  const cursor = cm.getCursor();
  const found = await complete({ text: cm.getValue(), line: cursor.line + 1, column: cursor.ch + 1 });
  if (!found?.options?.length) return null;
  const { from } = found;
  const start = typeof from === "number" ? Pos(cursor.line, from - 1) : Pos(from.line - 1, from.column - 1);
  const list = found.options.map(({ text, label, detail }) => ({
    text,
    render: (row) => row.append(...named(label ?? text, detail)),
  }));
  return { from: start, to: cursor, list };
}

function named(label, detail) {
  return [h("span", { class: "mono" }, label), detail ? h("span", { class: "hint-detail" }, detail) : ""];
}

function annotations(Pos, doc, problems) {
  const last = doc.lastLine();
  return problems.slice(0, MOST_MARKED).map(({ line, column, severity, message, code }) => {
    const at = Math.min(Math.max((line ?? 1) - 1, 0), last);
    const text = doc.getLine(at);
    const from = Math.min(Math.max((column ?? 1) - 1, 0), Math.max(text.length - 1, 0));
    // To the end of the word or value that begins there.
    const word = /^(?:"[^"]*"|'[^']*'|[^\s,\]}#]+)/.exec(text.slice(from))?.[0].length ?? 1;
    return {
      from: Pos(at, from),
      to: Pos(at, from + word),
      severity: SEVERITIES[severity] ?? "error",
      message: code ? `${message} (${code})` : message,
    };
  });
}

function load() {
  loading ??= begin().catch((error) => {
    loading = null; // the next editor tries again
    throw error;
  });
  return loading;
}

async function begin() {
  for (const sheet of [...SHEETS.map((path) => new URL(path, VENDOR)), new URL("./css/editor.css", import.meta.url)]) {
    if (!document.querySelector(`link[href="${sheet.href}"]`)) {
      document.head.append(h("link", { rel: "stylesheet", href: sheet.href }));
    }
  }
  for (const path of SCRIPTS) await script(new URL(path, VENDOR).href);
  return window.CodeMirror;
}

function script(src) {
  return new Promise((resolve, reject) => {
    const element = h("script", {
      src,
      on: { load: resolve, error: () => reject(new Error(`${src} cannot be loaded.`)) },
    });
    document.head.append(element);
  });
}
