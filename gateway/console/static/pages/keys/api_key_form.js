// The form of an API key: what it is called, may do, reach and spend.

import { h } from "../../dom.js";
import { field, metadataIn } from "../../field.js";
import { limitsForm } from "./limits.js";
import { momentIn, momentInput } from "./moment.js";
import { scopesForm } from "./scopes.js";

/** Returns the form's fields, and `read()`, which returns the body and throws `Slip`; `key` is the one that is changed. */
export function apiKeyForm(routes, key = null) {
  const name = h("input", { value: key?.name ?? "", required: true, autocomplete: "off" });
  const description = h("input", { value: key?.description ?? "", autocomplete: "off" });
  const workspace = h("input", {
    value: key?.workspace_id ?? "",
    placeholder: "default",
    autocomplete: "off",
    disabled: key !== null,
  });
  const config = h(
    "select",
    null,
    h("option", { value: "" }, "none"),
    options(routes, key?.defaults?.config_id).map((id) => h("option", { value: id }, id)),
  );
  config.value = key?.defaults?.config_id ?? "";
  const metadata = h("input", {
    class: "mono",
    value: json(key?.defaults?.metadata),
    placeholder: '{"team": "ads"}',
    autocomplete: "off",
  });
  const providers = h("input", {
    value: (key?.allow?.providers ?? []).join(", "),
    placeholder: "all",
    autocomplete: "off",
  });
  const models = h("input", { value: (key?.allow?.models ?? []).join(", "), placeholder: "all", autocomplete: "off" });
  const expires = momentInput(key?.expires_at);
  const scopes = scopesForm(key?.scopes);
  const limits = limitsForm(key?.usage_limits, key?.rate_limits);
  const fields = [
    h(
      "div",
      { class: "form-row" },
      field("Name", name),
      field("Description", description),
      field("Workspace", workspace),
      field("Ends at", expires),
    ),
    h(
      "div",
      { class: "form-row" },
      field("Default config", config),
      field("Default metadata", metadata),
      field("Providers it may reach", providers),
      field("Models it may reach", models),
    ),
    scopes.element,
    limits.element,
  ];
  return { fields, read };

  function read() {
    const said = {
      name: name.value.trim(),
      description: description.value.trim() || null,
      scopes: scopes.read(),
      defaults: some({ config_id: config.value || null, metadata: full(metadataIn(metadata)) }),
      allow: some({ providers: words(providers), models: words(models) }),
      expires_at: momentIn(expires, "Ends at"),
      ...limits.read(),
    };
    // A new key leaves out what it has not; a key that is changed loses it by null.
    if (key !== null) return { ...said, version_id: key.version_id };
    return some({ ...said, workspace_id: workspace.value.trim() || null });
  }
}

function options(routes, chosen) {
  const ids = routes.map((route) => route.id);
  return chosen && !ids.includes(chosen) ? [chosen, ...ids] : ids;
}

function some(fields) {
  return full(Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)));
}

function full(fields) {
  return Object.keys(fields).length ? fields : null;
}

function words(input) {
  const found = input.value
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);
  return found.length ? found : null;
}

function json(fields) {
  return fields && Object.keys(fields).length ? JSON.stringify(fields) : "";
}
