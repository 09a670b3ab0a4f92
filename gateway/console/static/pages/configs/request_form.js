// The request that the panels ask about: what somebody would send, and what each target is taken to answer.

import { h, mount } from "../../dom.js";
import { field, oneOf } from "../../field.js";
import { nameOf } from "./checking.js";
import { numberOf, objectOf, pairsOf } from "./pairs.js";

const OPERATIONS = ["generate", "edit", "vary"];
const ANSWERS = [
  ["", "as it may be"],
  ["200", "200: a picture"],
  ...["429", "500", "503", "401", "400", "timeout", "unreachable", "incomplete", "empty", "policy", "unsupported"],
];
const SIZES = ["1024x1024", "1536x1024", "1024x1536", "1792x1024", "512x512", "auto"];

/** Returns `{element, value, targets}`: the form, what it says, and a way to tell it which targets there are. */
export function requestForm() {
  const prompt = h("textarea", { rows: 2, value: "an otter on a skateboard" });
  const operation = oneOf(OPERATIONS, "generate");
  const model = h("input", {
    type: "text",
    spellcheck: "false",
    autocomplete: "off",
    placeholder: "as the target says",
  });
  const size = h("input", { type: "text", list: "request-sizes", autocomplete: "off", placeholder: "any" });
  const number = h("input", { type: "text", inputmode: "numeric", placeholder: "1" });
  const more = h("textarea", { rows: 2, class: "mono", spellcheck: "false", placeholder: '{"quality": "high"}' });
  const metadata = h("textarea", { rows: 2, class: "mono", spellcheck: "false", placeholder: "plan: pro" });
  const headers = h("textarea", { rows: 2, class: "mono", spellcheck: "false", placeholder: "x-region: eu" });
  const answers = new Map();
  const taken = h("div", { class: "grid tight" });
  const rest = h(
    "details",
    null,
    h("summary", null, "Metadata, headers, other parameters"),
    h(
      "div",
      { class: "grid tight" },
      field("Metadata", metadata, { hint: "One “name: value” a line." }),
      field("Headers", headers, { hint: "One “name: value” a line." }),
      field("Other parameters", more, { hint: "A JSON object." }),
    ),
  );
  const assumed = h("fieldset", { hidden: true }, h("legend", null, "What each target is taken to answer"), taken);
  const element = h(
    "div",
    { class: "request-form" },
    h(
      "datalist",
      { id: "request-sizes" },
      SIZES.map((each) => h("option", { value: each })),
    ),
    field("Prompt", prompt),
    h(
      "div",
      { class: "grid tight" },
      field("Operation", operation),
      field("Model", model),
      field("Size", size),
      field("Pictures (n)", number),
    ),
    rest,
    assumed,
  );

  /** Returns `{request, operation, metadata, headers, assume}`; throws in words where something cannot be sent. */
  function value() {
    const request = {
      ...(operation.value === "vary" ? {} : { prompt: prompt.value }),
      model: model.value.trim() || undefined,
      size: size.value.trim() || undefined,
      n: numberOf(number.value, "Pictures (n)", { least: 1, most: 100, whole: true }),
      ...objectOf(more.value, "Other parameters"),
    };
    return {
      request: JSON.parse(JSON.stringify(request)),
      operation: operation.value,
      metadata: pairsOf(metadata.value, "Metadata"),
      headers: pairsOf(headers.value, "Headers"),
      assume: Object.fromEntries([...answers].filter(([, chosen]) => chosen)),
    };
  }

  function targets(list) {
    const names = new Set(list.map(nameOf));
    if (names.size === taken.children.length && [...taken.children].every((each) => names.has(each.dataset.target)))
      return;
    for (const name of [...answers.keys()]) if (!names.has(name)) answers.delete(name);
    mount(
      taken,
      [...names].map((name) => {
        const select = oneOf(ANSWERS, answers.get(name) ?? "", {
          on: { change: () => answers.set(name, select.value) },
        });
        const drawn = field(name, select);
        drawn.dataset.target = name;
        return drawn;
      }),
    );
    assumed.hidden = names.size === 0;
  }

  return { element, value, targets };
}
