// The form of a virtual key: a provider's credential under a name, which is written and never read.

import { h } from "../../dom.js";
import { field, Slip } from "../../field.js";
import { limitsForm } from "./limits.js";
import { momentIn, momentInput } from "./moment.js";

const HIDDEN = "***";

/** Returns the form's fields, and `read()`, which returns the body and throws `Slip`; `key` is the one that is changed. */
export function virtualKeyForm(providers, key = null) {
  const name = h("input", { value: key?.name ?? "", required: true, autocomplete: "off" });
  const slug = h("input", {
    value: key?.slug ?? "",
    placeholder: "made of the name",
    disabled: key !== null,
    autocomplete: "off",
  });
  const provider = h("input", {
    value: key?.provider ?? "",
    list: "virtual-key-providers",
    required: true,
    autocomplete: "off",
  });
  const credential = h("input", {
    type: "password",
    value: "",
    placeholder: key?.key ?? "",
    autocomplete: "new-password",
    spellcheck: "false",
  });
  const others = otherFields(key);
  const more = h("textarea", {
    class: "mono",
    rows: 3,
    spellcheck: "false",
    value: Object.keys(others).length ? JSON.stringify(others, null, 2) : "",
  });
  const note = h("input", { value: key?.note ?? "", autocomplete: "off" });
  const expires = momentInput(key?.expires_at);
  const limits = limitsForm(key?.usage_limits, key?.rate_limits);
  const fields = [
    h(
      "div",
      { class: "form-row" },
      field("Name", name),
      field("Slug", slug),
      field("Provider", provider),
      field("Ends at", expires),
    ),
    h(
      "datalist",
      { id: "virtual-key-providers" },
      providers.map((each) => h("option", { value: each })),
    ),
    field("Credential", credential, {
      hint:
        key === null
          ? "The provider's key. It is sealed, and nobody can read it back."
          : "Left empty, the one that is there stays.",
    }),
    field("More fields of the provider, as JSON", more, {
      hint: 'Such as {"azure_resource_name": "pictures-eu"}; *** keeps what is there.',
    }),
    field("Note", note),
    limits.element,
  ];
  return { fields, read };

  function read() {
    const said = {
      ...objectIn(more),
      ...missing(others, more),
      name: name.value.trim(),
      provider: provider.value.trim(),
      note: note.value.trim() || null,
      expires_at: momentIn(expires, "Ends at"),
      ...limits.read(),
    };
    if (credential.value !== "") said.key = credential.value;
    if (key !== null) return { ...said, version_id: key.version_id };
    if (slug.value.trim()) said.slug = slug.value.trim();
    return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null));
  }
}

function otherFields(key) {
  const { api_key: _, ...others } = key?.model_config ?? {};
  return others;
}

// A field that is taken out of the text is taken away from the key.
function missing(before, input) {
  const now = objectIn(input);
  return Object.fromEntries(
    Object.keys(before)
      .filter((name) => !Object.hasOwn(now, name))
      .map((name) => [name, null]),
  );
}

function objectIn(input) {
  if (input.value.trim() === "") return {};
  let found = null;
  try {
    found = JSON.parse(input.value);
  } catch {
    // told below, like everything that is no object
  }
  if (found === null || typeof found !== "object" || Array.isArray(found)) {
    throw new Slip(
      `More fields: write a JSON object, or leave it empty; ${HIDDEN} keeps a secret that is there.`,
      input,
    );
  }
  return found;
}
