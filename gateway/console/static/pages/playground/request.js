// What all columns are asked for: the form, what it says, and what of it is remembered until the tab is closed.

import { h } from "../../dom.js";
import { field, metadataIn, numberIn, oneOf, Slip } from "../../field.js";
import { keep, kept } from "./remembered.js";

const FORM = "request";
const EARLIER = "prompts";
const MOST_PICTURES = 10;
const MOST_EARLIER = 20;
const LONGEST_KEPT = 8000;
const LONGEST_SHOWN = 80;
const SIZES = ["auto", "1024x1024", "1536x1024", "1024x1536", "512x512", "256x256"];
const QUALITIES = [["", "any"], "auto", "low", "medium", "high", "standard", "hd"];

/** Returns the form's element, `read()`, which throws `Slip`, and `remember(prompt)`. */
export function requestForm(models) {
  const before = kept(FORM, {});
  const inputs = {
    prompt: h("textarea", { rows: 3, value: before.prompt ?? "an otter reading a map", "data-search": "" }),
    model: h("input", {
      list: "playground-models",
      value: before.model ?? "",
      placeholder: "as the config says",
      autocomplete: "off",
    }),
    size: h("input", { list: "playground-sizes", value: before.size ?? "", placeholder: "any", autocomplete: "off" }),
    n: h("input", { type: "number", min: 1, max: MOST_PICTURES, step: 1, value: before.n ?? "1" }),
    quality: oneOf(QUALITIES, before.quality ?? ""),
    seed: h("input", { type: "number", min: 0, step: 1, value: before.seed ?? "", placeholder: "any" }),
    metadata: h("input", {
      class: "mono",
      value: before.metadata ?? "",
      placeholder: '{"plan": "pro"}',
      autocomplete: "off",
      spellcheck: "false",
    }),
  };
  const earlier = h("select", { on: { change: recall } });
  const row = h(
    "div",
    { class: "request-row" },
    field("Model", inputs.model),
    field("Size", inputs.size),
    field("Pictures", inputs.n),
    field("Quality", inputs.quality),
    field("Seed", inputs.seed),
    field("Metadata", inputs.metadata),
    field("Earlier prompts", earlier),
  );
  const element = h(
    "div",
    { on: { change: note, input: note } },
    field("Prompt", inputs.prompt),
    row,
    suggestions(
      "playground-models",
      models.map((model) => model.id),
    ),
    suggestions("playground-sizes", SIZES),
  );
  list();
  return { element, read: () => read(inputs), remember };

  function note() {
    keep(FORM, Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value])));
  }

  function list() {
    const prompts = kept(EARLIER, []);
    const shown = prompts.map((prompt, index) => h("option", { value: String(index) }, short(prompt)));
    earlier.replaceChildren(h("option", { value: "" }, prompts.length ? "choose …" : "none yet"), ...shown);
    earlier.disabled = prompts.length === 0;
  }

  function recall() {
    const prompt = kept(EARLIER, [])[Number(earlier.value)];
    if (earlier.value === "" || prompt === undefined) return;
    inputs.prompt.value = prompt;
    earlier.value = "";
    note();
    inputs.prompt.focus();
  }

  function remember(prompt) {
    if (prompt.length > LONGEST_KEPT) return;
    keep(EARLIER, [prompt, ...kept(EARLIER, []).filter((each) => each !== prompt)].slice(0, MOST_EARLIER));
    list();
  }
}

function read(inputs) {
  const prompt = inputs.prompt.value;
  if (prompt.trim() === "") throw new Slip("Prompt: say what is to be painted.", inputs.prompt);
  const n = numberIn(inputs.n, "Pictures", { whole: true, least: 1, most: MOST_PICTURES });
  const body = {
    prompt,
    model: inputs.model.value.trim() || null,
    size: inputs.size.value.trim() || null,
    n: n === 1 ? null : n,
    quality: inputs.quality.value || null,
    seed: numberIn(inputs.seed, "Seed", { whole: true }),
  };
  const said = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
  // A link lets the gateway keep the picture, so that the log has it too.
  return { body: { ...said, response_format: "url" }, metadata: metadataIn(inputs.metadata) };
}

function suggestions(id, values) {
  return h(
    "datalist",
    { id },
    [...new Set(values)].map((value) => h("option", { value })),
  );
}

function short(prompt) {
  const line = prompt.replace(/\s+/g, " ").trim();
  return line.length > LONGEST_SHOWN ? `${line.slice(0, LONGEST_SHOWN)}…` : line;
}
