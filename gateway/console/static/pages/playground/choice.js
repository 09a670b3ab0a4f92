// Where a column's request goes: through a config of the gateway, or straight to a model.

import { h } from "../../dom.js";

const CONFIG = "config:";
const MODEL = "model:";

/** Returns a list of the configs, and of the models that need no credential of the caller's. */
export function chooser(routes, models, chosen) {
  const configs = routes.map((route) => option(CONFIG + route.id, titleOf(route)));
  const usable = models.filter((model) => !model.needs_own_credential && !model.retired);
  const direct = usable.map((model) => option(MODEL + model.id, `${model.id} · ${model.provider}`));
  const select = h(
    "select",
    null,
    configs.length ? h("optgroup", { label: "Configs" }, configs) : null,
    direct.length ? h("optgroup", { label: "Straight to a model" }, direct) : null,
  );
  if (chosen && [...select.options].some((each) => each.value === chosen)) select.value = chosen;
  return select;
}

/** Returns what is chosen first: the default config, else the first one there is. */
export function firstChoice(routes) {
  const route = routes.find((each) => each.is_default) ?? routes[0];
  return route && CONFIG + route.id;
}

/** Returns the value of a config in the list. */
export function configChoice(id) {
  return CONFIG + id;
}

/** Returns the headers and the fields that lead a request there. */
export function wayTo(value, models) {
  if (value.startsWith(CONFIG)) {
    const id = value.slice(CONFIG.length);
    return { config: id, headers: { "x-portkey-config": id }, body: {} };
  }
  const model = models.find((each) => each.id === value.slice(MODEL.length));
  return { config: null, headers: { "x-portkey-provider": model.provider }, body: { model: model.model } };
}

/** Returns the tree of a route straight to a model: one target. */
export function treeOfModel({ headers, body }) {
  return {
    path: "config",
    name: null,
    mode: "target",
    provider: headers["x-portkey-provider"],
    model: body.model,
    children: [],
  };
}

function titleOf({ id, name, is_default: isDefault, kind }) {
  const more = [
    name && name !== id ? name : null,
    isDefault ? "default" : null,
    kind === "settings" ? "needs a model" : null,
  ];
  return [id, ...more.filter(Boolean)].join(" · ");
}

function option(value, text) {
  return h("option", { value }, text);
}
