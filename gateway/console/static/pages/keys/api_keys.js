// API keys: who may come in; made, changed, rotated and revoked here.

import { api } from "../../api.js";
import { badge, confirmed, empty, h, mount, toast } from "../../dom.js";
import { when } from "../../format.js";
import { apiKeyForm } from "./api_key_form.js";
import { formDialog } from "./dialog.js";
import { limitsInWords, usedInWords } from "./limits.js";
import { everyPage } from "./list.js";
import { momentIn, momentInput } from "./moment.js";
import { field } from "../../field.js";
import { showOnce } from "./once.js";
import { guarded, keysTable, kindOfState } from "./table.js";

const PATH = "/v1/api-keys";
const HEAD = ["Name", "State", "May do", "Default config", "Limits", "Used", "Made", "Actions"];

/** Shows the keys below a root. */
export async function showApiKeys(root, { signal }) {
  const [keys, routes] = await Promise.all([everyPage(PATH, signal), api("/v1/routes", { signal })]);
  if (signal.aborted) return;
  const again = () => showApiKeys(root, { signal });
  const create = h(
    "button",
    { class: "button primary", type: "button", on: { click: guarded(() => make(routes.data, again)) } },
    "Create an API key",
  );
  const note = keys.length
    ? null
    : "There is no stored API key yet. Without any key, stored or declared, everybody who reaches this gateway may paint.";
  const table = keysTable(
    "API keys in the database",
    HEAD,
    keys.map((key) => row(key, routes.data, again)),
  );
  mount(root, h("div", { class: "toolbar" }, create), note ? empty(note) : table);
}

function row(key, routes, again) {
  const overlap = key.key_transition_expires_at
    ? h("div", { class: "muted" }, `the text before is good until ${when(key.key_transition_expires_at)}`)
    : null;
  const act = (label, kind, run) =>
    h(
      "button",
      {
        class: `button small ${kind}`,
        type: "button",
        "aria-label": `${label} ${key.name}`,
        on: { click: guarded(run) },
      },
      label,
    );
  return [
    [
      h("strong", null, key.name),
      h("div", { class: "mono muted" }, key.key),
      key.workspace_id === "default" ? null : h("div", { class: "muted" }, key.workspace_id),
    ],
    [
      badge(key.status, kindOfState(key.status)),
      key.expires_at ? h("div", { class: "muted" }, `ends ${when(key.expires_at)}`) : null,
      overlap,
    ],
    h("span", { class: "mono" }, key.scopes.join(" ")),
    key.defaults?.config_id ?? "–",
    limitsInWords(key.usage_limits, key.rate_limits),
    usedInWords(key.usage),
    when(key.created_at),
    h(
      "div",
      { class: "acts" },
      act("Change", "", () => change(key, routes, again)),
      act("Rotate", "", () => rotate(key, again)),
      act("Revoke", "danger", () => revoke(key, again)),
    ),
  ];
}

async function make(routes, again) {
  const form = apiKeyForm(routes);
  const send = () => api(PATH, { method: "POST", body: form.read() });
  const made = await formDialog({ title: "Create an API key", fields: form.fields, yes: "Create", send });
  if (made === null) return;
  await showOnce("The new key", made.key);
  await again();
}

async function change(key, routes, again) {
  const form = apiKeyForm(routes, key);
  const send = () => api(at(key), { method: "PUT", body: form.read() });
  const done = await formDialog({ title: `Change ${key.name}`, fields: form.fields, yes: "Save", send });
  if (done === null) return;
  toast(`${key.name} is changed.`, "ok");
  await again();
}

async function rotate(key, again) {
  const until = momentInput(null);
  const fields = [
    h(
      "p",
      null,
      `${key.name} gets a new text, and stays what it is otherwise. The text that is in use now ends at once, or later if you say when.`,
    ),
    field("The text before ends at", until, { hint: "Left empty, at once; 30 days ahead at most." }),
  ];
  const send = () => {
    const moment = momentIn(until, "The text before ends at");
    return api(`${at(key)}/rotate`, {
      method: "POST",
      body: moment === null ? {} : { key_transition_expires_at: moment },
    });
  };
  const made = await formDialog({ title: `Rotate ${key.name}`, fields, yes: "Rotate", send });
  if (made === null) return;
  const old = made.key_transition_expires_at;
  await showOnce(
    `The new text of ${key.name}`,
    made.key,
    h("p", null, old ? `The text before is good until ${when(old)}.` : "The text before is good no more."),
  );
  await again();
}

async function revoke(key, again) {
  const words = `Revoke ${key.name}? Whoever uses it is refused within a second. There is no way back.`;
  if (!(await confirmed(words, { yes: "Revoke", danger: true }))) return;
  await api(at(key), { method: "DELETE" });
  toast(`${key.name} is revoked.`, "ok");
  await again();
}

function at(key) {
  return `${PATH}/${encodeURIComponent(key.id)}`;
}
