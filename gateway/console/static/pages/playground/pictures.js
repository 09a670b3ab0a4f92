// The pictures of an answer: shown where the gateway holds them, linked where somebody else does.

import { address } from "../../api.js";
import { h } from "../../dom.js";

const OURS = /\/v1\/images\/files\//;
const FORMATS = { png: "image/png", jpeg: "image/jpeg", webp: "image/webp" };

/** Returns a gallery; `prompt` is what is read out of each. */
export function pictures(answer, prompt) {
  const found = Array.isArray(answer?.data) ? answer.data : [];
  if (found.length === 0) return h("p", { class: "muted" }, "The answer holds no picture.");
  return h(
    "div",
    { class: found.length > 1 ? "pictures several" : "pictures" },
    found.map((each, index) => picture(each, answer, `${prompt} (${index + 1} of ${found.length})`)),
  );
}

function picture(each, answer, words) {
  const src = each.b64_json ? inline(each.b64_json, answer.output_format) : linked(each.url);
  if (src === null) return elsewhere(each.url);
  const image = h("img", { src, alt: words, loading: "eager", decoding: "async" });
  const figure = h(
    "figure",
    null,
    src.startsWith("data:") ? image : h("a", { href: src, target: "_blank", rel: "noreferrer" }, image),
  );
  image.addEventListener("error", () =>
    figure.replaceChildren(h("p", { class: "error-box" }, "The picture cannot be shown: its link may have ended.")),
  );
  if (each.revised_prompt) figure.append(h("figcaption", { class: "muted" }, each.revised_prompt));
  return figure;
}

function inline(data, format) {
  return `data:${FORMATS[format] ?? FORMATS.png};base64,${data}`;
}

// Links name the host that the gateway knows itself by; this page may know it by another.
function linked(url) {
  let at;
  try {
    at = new URL(url);
  } catch {
    return null;
  }
  const path = at.pathname.search(OURS);
  if (path === -1) return null;
  return address(at.pathname.slice(path) + at.search);
}

function elsewhere(url) {
  let host = "another host";
  let safe = false;
  try {
    const at = new URL(url);
    host = at.host || host;
    safe = at.protocol === "https:" || at.protocol === "http:";
  } catch {
    // what is no address is shown as it is
  }
  const text = `The picture is held by ${host}; this page asks nobody but the gateway.`;
  const way = safe
    ? h("a", { href: url, target: "_blank", rel: "noreferrer noopener" }, "Open it there")
    : h("span", { class: "mono" }, String(url).slice(0, 300));
  return h("div", { class: "empty" }, h("p", null, text), way);
}
