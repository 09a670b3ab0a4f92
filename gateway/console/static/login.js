// The way in: the admin key is asked for, tried, and kept for as long as the tab is open.

import { api, forgetKey, setKey } from "./api.js";
import { errorBox, h, mount } from "./dom.js";

/** Shows the form; `done` is called once a key is good. */
export function login(root, { signal, refusedWith, done }) {
  const key = h("input", {
    id: "key",
    type: "password",
    autocomplete: "current-password",
    required: true,
    spellcheck: "false",
    "aria-describedby": "key-help",
  });
  const said = h("div", null, refusedWith ? errorBox(new Error(refusedWith)) : null);
  const enter = h("button", { class: "button primary", type: "submit" }, "Sign in");
  const form = h(
    "form",
    { class: "card login", on: { submit } },
    h("h1", null, "Sign in"),
    said,
    // Who keeps keys in a password store finds this one by a name.
    h("input", {
      type: "text",
      name: "username",
      autocomplete: "username",
      value: "admin",
      hidden: true,
      "aria-hidden": "true",
    }),
    h("div", { class: "field" }, h("label", { for: "key" }, "Admin key"), key),
    h(
      "p",
      { id: "key-help", class: "muted" },
      "The key that the gateway printed when it first started, or that BEAMSPLITTER_ADMIN_KEY holds. ",
      "It stays in this tab and is forgotten when the tab is closed.",
    ),
    enter,
  );
  mount(root, form);
  key.focus();

  async function submit(event) {
    event.preventDefault();
    const word = key.value.trim();
    if (!/^[\x21-\x7e]+$/.test(word)) {
      mount(said, errorBox(new Error("A key is letters, digits and signs without spaces; copy the whole key again.")));
      key.focus();
      return;
    }
    enter.disabled = true;
    setKey(word);
    try {
      await api("/v1/logs?page_size=1", { signal });
    } catch (error) {
      if (signal.aborted) return; // the key was refused, and the form is drawn anew with the server's words
      // Any answer but "who are you?" comes to somebody who is known; the pages say what they may not see.
      if (!error.status) {
        forgetKey();
        mount(said, errorBox(error));
        enter.disabled = false;
        return;
      }
    }
    if (!signal.aborted) done();
  }
}
