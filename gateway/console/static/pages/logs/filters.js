// The filters of the log: a form that is filled from the address, and makes one.

import { h } from "../../dom.js";
import { field, oneOf } from "../../field.js";

const CENTS = 100;
// A name of the API, its label, and what is typed into it.
const FIELDS = [
  ["status_code", "Status", { placeholder: "200, 503", "data-search": "" }],
  ["ai_model", "Model", { placeholder: "gpt-image-1" }],
  ["ai_org", "Provider", { placeholder: "openai" }],
  ["configs", "Config", { placeholder: "fallback" }],
  ["user", "User", { placeholder: "metadata._user" }],
  ["time_of_generation_min", "From", { type: "datetime-local", step: "1" }],
  ["time_of_generation_max", "Until", { type: "datetime-local", step: "1" }],
  ["cost_min", "Cost at least, $", { inputmode: "decimal", placeholder: "0.01" }],
  ["cost_max", "Cost at most, $", { inputmode: "decimal", placeholder: "1" }],
  ["virtual_keys", "Virtual key", {}],
  ["api_key_ids", "API key", {}],
  ["trace_id", "Trace", {}],
  ["metadata", "Metadata", { placeholder: "plan=paid, team=ads" }],
];
const OFTEN = 5;
const CACHES = [
  ["", "any"],
  ["HIT", "hit"],
  ["MISS", "miss"],
  ["REFRESH", "refresh"],
  ["DISABLED", "disabled"],
];

/** Returns the form; `use` is given the filters as a query. */
export function filterForm(query, use) {
  const given = shown(query);
  const inputs = new Map(
    FIELDS.map(([name, , props]) => [
      name,
      h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...props, name, value: given[name] ?? "" }),
    ]),
  );
  inputs.set("cache_status", oneOf(CACHES, (given.cache_status ?? "").toUpperCase(), { name: "cache_status" }));
  const made = FIELDS.map(([name, label]) => field(label, inputs.get(name)));
  const seldom = [...made.slice(OFTEN), field("Cache", inputs.get("cache_status"))];
  const rest = [...inputs.keys()].slice(OFTEN);
  return h(
    "form",
    { class: "card filters", role: "search", "aria-label": "Filters of the log", on: { submit: apply } },
    h("div", { class: "filter-grid" }, made.slice(0, OFTEN)),
    h(
      "details",
      { open: rest.some((name) => given[name]) },
      h("summary", null, "More filters"),
      h("div", { class: "filter-grid" }, seldom),
    ),
    h(
      "div",
      { class: "toolbar end" },
      h("a", { class: "button quiet", href: "#/logs" }, "Clear"),
      h("button", { class: "button primary", type: "submit" }, "Filter"),
    ),
  );

  function apply(event) {
    event.preventDefault();
    use(written(Object.fromEntries([...inputs].map(([name, input]) => [name, input.value.trim()]))));
  }
}

/** Returns what the fields show of a query. */
export function shown(query) {
  const given = Object.fromEntries(query);
  for (const name of ["cost_min", "cost_max"]) {
    if (given[name] && Number.isFinite(Number(given[name])))
      given[name] = String(Number((Number(given[name]) / CENTS).toPrecision(12)));
  }
  for (const name of ["time_of_generation_min", "time_of_generation_max"])
    if (given[name]) given[name] = localTime(given[name]);
  if (given.metadata) {
    try {
      const { _user: user, ...others } = JSON.parse(given.metadata);
      given.user = user ?? "";
      given.metadata = Object.entries(others)
        .map(([name, value]) => `${name}=${value}`)
        .join(", ");
    } catch {
      // It stays as it is written; the server says what is wrong with it.
    }
  }
  return given;
}

/** Returns the query that filled fields make. */
export function written(fields) {
  const query = new URLSearchParams();
  const { user, metadata, ...others } = fields;
  for (const [name, text] of Object.entries(others)) {
    if (text === "") continue;
    if (name.startsWith("cost_")) query.set(name, cents(text));
    else if (name.startsWith("time_")) query.set(name, instant(text));
    else query.set(name, text);
  }
  const pairs = pairsOf(metadata);
  if (pairs === null) query.set("metadata", metadata);
  else if (user || pairs.length) {
    query.set("metadata", JSON.stringify(Object.fromEntries([...pairs, ...(user ? [["_user", user]] : [])])));
  }
  return query;
}

function cents(text) {
  const dollars = Number(text.replace(/^\$/, "").replace(",", "."));
  // What is no number goes as it is: the server says what it expects.
  return Number.isFinite(dollars) ? String(Number((dollars * CENTS).toPrecision(12))) : text;
}

function pairsOf(text) {
  const pairs = text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean)
    .map((part) => part.split(/=(.*)/s).map((word) => word.trim()));
  return pairs.every(([name, value]) => name && value !== undefined)
    ? pairs.map(([name, value]) => [name, value])
    : null;
}

function instant(local) {
  const moment = new Date(local);
  return Number.isNaN(moment.getTime()) ? local : moment.toISOString();
}

function localTime(text) {
  const moment = new Date(/^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : text);
  if (Number.isNaN(moment.getTime())) return "";
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
