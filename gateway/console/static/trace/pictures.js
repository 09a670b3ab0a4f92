// The pictures of a request: small where the gateway keeps them, in words where it does not.

import { api } from "../api.js";
import { h, mount } from "../dom.js";

/** Draws the pictures of a request into `root`. */
export async function picturesOf(root, row, details, signal) {
  const made = details.pictures ?? [];
  if (!made.length) return;
  let kept = [];
  try {
    ({ data: kept } = await api(`/v1/logs/${encodeURIComponent(row.id)}/pictures`, { signal }));
  } catch (error) {
    if (signal?.aborted) return;
    mount(root, h("p", { class: "muted" }, `${inWords(made)}. ${error.message}`));
    return;
  }
  if (!kept?.length) {
    mount(
      root,
      h("p", { class: "muted" }, `${inWords(made)}. The gateway does not keep ${made.length === 1 ? "it" : "them"}.`),
    );
    return;
  }
  mount(
    root,
    h(
      "div",
      { class: "thumbnails" },
      kept.map((picture, index) => thumbnail(picture, index, row)),
    ),
  );
}

function thumbnail({ url, format, width, height }, index, row) {
  const address = ownAddress(url);
  const about = [format, width && height ? `${width}×${height}` : null].filter(Boolean).join(", ");
  if (!address) return h("span", { class: "muted" }, about);
  const [href, ours] = address;
  const name = `Picture ${index + 1}${row.prompt ? ` of “${row.prompt.slice(0, 120)}”` : ""}`;
  const words = h("span", { class: "muted" }, about);
  const link = h("a", { href, target: "_blank", rel: "noopener noreferrer", class: "thumbnail" });
  if (!ours) {
    link.append(h("bdi", null, name), h("span", null, `at ${new URL(href).host}`), words);
    return link;
  }
  const image = h("img", { src: href, alt: name, width: 128, height: 128, loading: "lazy" });
  image.addEventListener("error", () => image.replaceWith(h("bdi", null, name), " is not kept any more"));
  link.append(image, words);
  return link;
}

function ownAddress(url) {
  let address;
  try {
    address = new URL(url, location.href);
  } catch {
    return null;
  }
  if (address.protocol !== "http:" && address.protocol !== "https:") return null;
  // Links are signed for the name that callers use; the console may be open under another one of the same gateway.
  const ours = address.origin === location.origin || address.pathname.includes("/images/files/");
  return ours ? [`${address.pathname}${address.search}`, true] : [address.href, false];
}

function inWords(made) {
  const kinds = made.map(({ format, width, height }) =>
    [format, width && height ? `${width}×${height}` : null].filter(Boolean).join(" "),
  );
  const known = [...new Set(kinds.filter(Boolean))].slice(0, 4).join(", ");
  return `${made.length} ${made.length === 1 ? "picture" : "pictures"}${known ? `: ${known}` : ""}`;
}
