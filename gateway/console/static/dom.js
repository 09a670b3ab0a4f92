// Elements are made here, from words that stay words: nothing a page is given is ever read as markup.

const DIRECT = new Set(["value", "checked", "disabled", "selected", "open", "indeterminate", "readOnly", "multiple"]);
const TOAST_MS = 6000;

/** Returns a new element; children are elements, texts, numbers, lists of these, and nothing. */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  // A select takes its value only once it has its options.
  element.append(...parts(children));
  for (const [name, value] of Object.entries(props ?? {})) give(element, name, value);
  return element;
}

/** Puts children in the place of what an element holds. */
export function mount(root, ...children) {
  root.replaceChildren(...parts(children));
  return root;
}

/** Says something at the edge of the window, to eyes and to screen readers; kinds are ok, warn, bad and info. */
export function toast(text, kind = "info") {
  const stack = document.getElementById(kind === "bad" ? "alerts" : "toasts") ?? document.body;
  const close = h("button", { class: "button quiet small", type: "button", "aria-label": "Dismiss" }, "×");
  const shown = h("div", { class: `toast ${kind}` }, h("span", null, text), close);
  const away = () => shown.remove();
  close.addEventListener("click", away);
  stack.append(shown);
  while (stack.children.length > 4) stack.firstElementChild.remove();
  if (kind !== "bad") setTimeout(away, TOAST_MS);
}

/** Asks a question in a dialog, and returns whether the answer was yes; Escape is no. */
export function confirmed(question, { yes = "Yes", no = "Cancel", danger = false } = {}) {
  return new Promise((resolve) => {
    const close = (value) => () => dialog.close(value);
    const text = h("div", { id: "dialog-question", class: "question" }, question);
    const refuse = h("button", { class: "button", type: "button", on: { click: close("no") } }, no);
    const kind = danger ? "button danger" : "button primary";
    const accept = h("button", { class: kind, type: "button", on: { click: close("yes") } }, yes);
    const dialog = h(
      "dialog",
      { class: "dialog", "aria-labelledby": "dialog-question" },
      text,
      h("div", { class: "toolbar end" }, refuse, accept),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    (danger ? refuse : accept).focus();
  });
}

/** Returns what went wrong, in the server's words. */
export function errorBox(error) {
  const about = [
    error?.status ? `status ${error.status}` : null,
    error?.code ? String(error.code) : null,
    error?.param ? `at ${error.param}` : null,
  ].filter(Boolean);
  return h(
    "div",
    { class: "error-box", role: "alert" },
    h("strong", null, error?.message || String(error)),
    about.length ? h("div", { class: "muted mono" }, about.join(" · ")) : null,
  );
}

/** Returns a quiet sentence where there is nothing to show. */
export function empty(text, ...more) {
  return h("div", { class: "empty" }, h("p", null, text), ...more);
}

/** Returns a small word with a colour; kinds are ok, warn, bad, info and dim. */
export function badge(text, kind = "dim") {
  return h("span", { class: `badge ${kind}` }, text);
}

/** Returns a sentence that says what is being waited for. */
export function waiting(text) {
  return h("p", { class: "waiting muted", role: "status" }, text);
}

function parts(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false && child !== true)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

function give(element, name, value) {
  if (value === null || value === undefined) return;
  if (name === "on") {
    for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
  } else if (name === "style") {
    for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
  } else if (name === "class") {
    element.className = value;
  } else if (DIRECT.has(name)) {
    element[name] = value;
  } else if (name.startsWith("aria-") || name.startsWith("data-")) {
    element.setAttribute(name, String(value));
  } else if (value !== false) {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}
