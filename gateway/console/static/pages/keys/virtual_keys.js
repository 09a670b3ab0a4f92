// Virtual keys: providers' credentials under names; made, changed and removed here, and never shown.

import { api } from "../../api.js";
import { badge, confirmed, empty, h, mount, toast } from "../../dom.js";
import { when } from "../../format.js";
import { formDialog } from "./dialog.js";
import { limitsInWords, usedInWords } from "./limits.js";
import { everyPage } from "./list.js";
import { guarded, keysTable, kindOfState } from "./table.js";
import { virtualKeyForm } from "./virtual_key_form.js";

const PATH = "/v1/virtual-keys";
const HEAD = ["Name", "State", "Provider", "Credential", "Limits", "Used", "Changed", "Actions"];

/** Shows the keys below a root. */
export async function showVirtualKeys(root, { signal }) {
  const [keys, models] = await Promise.all([everyPage(PATH, signal), api("/v1/models", { signal })]);
  if (signal.aborted) return;
  const providers = [...new Set(models.data.map((model) => model.provider))].sort();
  const again = () => showVirtualKeys(root, { signal });
  const create = h(
    "button",
    { class: "button primary", type: "button", on: { click: guarded(() => make(providers, again)) } },
    "Create a virtual key",
  );
  const table = keysTable(
    "Virtual keys in the database",
    HEAD,
    keys.map((key) => row(key, providers, again)),
  );
  const none = empty(
    "There is no stored virtual key yet. One keeps a provider's credential, so that configs can name it.",
  );
  mount(root, h("div", { class: "toolbar" }, create), keys.length ? table : none);
}

function row(key, providers, again) {
  const act = (label, kind, run) =>
    h(
      "button",
      {
        class: `button small ${kind}`,
        type: "button",
        "aria-label": `${label} ${key.slug}`,
        on: { click: guarded(run) },
      },
      label,
    );
  return [
    [
      h("strong", null, key.slug),
      h("div", { class: "muted" }, key.name),
      key.note ? h("div", { class: "muted" }, key.note) : null,
    ],
    [
      badge(key.status, kindOfState(key.status)),
      key.expires_at ? h("div", { class: "muted" }, `ends ${when(key.expires_at)}`) : null,
    ],
    key.provider ?? "–",
    h("span", { class: "mono" }, key.key ?? "none"),
    limitsInWords(key.usage_limits, key.rate_limits),
    usedInWords(key.usage),
    when(key.last_updated_at),
    h(
      "div",
      { class: "acts" },
      act("Change", "", () => change(key, providers, again)),
      act("Remove", "danger", () => remove(key, again)),
    ),
  ];
}

async function make(providers, again) {
  const form = virtualKeyForm(providers);
  const send = () => api(PATH, { method: "POST", body: form.read() });
  const made = await formDialog({ title: "Create a virtual key", fields: form.fields, yes: "Create", send });
  if (made === null) return;
  toast(`${made.slug} is there: configs say virtual_key: ${made.slug}.`, "ok");
  await again();
}

async function change(key, providers, again) {
  const form = virtualKeyForm(providers, key);
  const send = () => api(at(key), { method: "PUT", body: form.read() });
  const done = await formDialog({ title: `Change ${key.slug}`, fields: form.fields, yes: "Save", send });
  if (done === null) return;
  toast(`${key.slug} is changed.`, "ok");
  await again();
}

async function remove(key, again) {
  const words = `Remove ${key.slug}, and its credential with it? Configs that name it are refused from then on. There is no way back.`;
  if (!(await confirmed(words, { yes: "Remove", danger: true }))) return;
  await api(at(key), { method: "DELETE" });
  toast(`${key.slug} is gone.`, "ok");
  await again();
}

function at(key) {
  return `${PATH}/${encodeURIComponent(key.id)}`;
}
