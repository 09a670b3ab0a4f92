// Keys that files declare: shown as they are in use, and changed where they stand.

import { api } from "../../api.js";
import { badge, empty, h, mount } from "../../dom.js";
import { when } from "../../format.js";
import { limitsInWords } from "./limits.js";
import { keysTable, kindOfState } from "./table.js";

const KINDS = { virtual_key: "virtual key", api_key: "API key" };
const HEAD = ["Name", "Kind", "Where", "Provider, or what it may do", "Limits"];

/** Shows the keys below a root. */
export async function showDeclared(root, { signal }) {
  const { data } = await api("/v1/declared-keys", { signal });
  if (signal.aborted) return;
  const note = h(
    "p",
    { class: "muted" },
    "They cannot be changed here: edit the file, and the gateway takes it up within a second.",
  );
  if (data.length) mount(root, note, keysTable("Keys in files", HEAD, data.map(row)));
  else mount(root, empty("No file declares a key that is in force. Those made here are in the database."));
}

function row(key) {
  return [
    h("strong", null, key.name),
    [
      KINDS[key.kind] ?? key.kind,
      " ",
      key.status ? badge(key.status, kindOfState(key.status)) : null,
      key.expires_at ? h("div", { class: "muted" }, `ends ${when(key.expires_at)}`) : null,
    ],
    h("span", { class: "mono" }, key.file ?? "–"),
    key.kind === "virtual_key" ? [key.provider, " ", h("span", { class: "mono muted" }, key.key ?? "")] : powers(key),
    limitsInWords(key.usage_limits, key.rate_limits),
  ];
}

function powers({ scopes, default_config: config }) {
  return [
    h("span", { class: "mono" }, scopes.join(" ")),
    config ? h("div", { class: "muted" }, `default config ${config}`) : null,
  ];
}
