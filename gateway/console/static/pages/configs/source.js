// A config as the gateway has it: its text, where it is kept, and which version of it is in effect.

import { api } from "../../api.js";

const BLANK = `description: What this config is for.
strategy:
  mode: fallback
targets:
  - name: first
    provider: sandbox
    override_params: {model: sandbox}
  - name: second
    provider: sandbox
    override_params: {model: sandbox}
`;

/** Returns the path of a stored config below /v1/configs. */
export function pathOf(id, ...more) {
  return ["/v1/configs", id, ...more].map((part, at) => (at ? encodeURIComponent(part) : part)).join("/");
}

/** Returns a config as it is in effect now; throws `ApiError`. */
export async function loadConfig(id, signal) {
  const route = await api(`/v1/routes/${encodeURIComponent(id)}`, { signal });
  const { source, text, version, file = null, name = route.id } = route;
  const common = { id: route.id, source, name, text, version };
  if (source === "file") return { ...common, file };
  const stored = await api(pathOf(route.id), { signal });
  return { ...common, versionId: route.version_id, number: stored.version, archived: stored.status === "archived" };
}

/** Returns a config that is not stored yet: the text of another one, or a small one that works. */
export async function newConfig(copied, signal) {
  const common = { id: null, source: "new", copied, file: null };
  if (!copied) return { ...common, name: "New config", text: BLANK };
  const { text } = await loadConfig(copied, signal);
  return { ...common, name: `A copy of ${copied}`, text: text.replace(/^(?:id|"id"|'id')\s*:.*\n/m, "") };
}

/** Returns a config that is kept as JSON the way people read it. */
export async function textOf(config, signal) {
  const { text } = await api("/v1/check", { method: "POST", body: { config }, signal });
  return text;
}

/** Returns the text of one version of a stored config. */
export async function textOfVersion(id, version, signal) {
  const { config } = await api(pathOf(id, "versions", version), { signal });
  return textOf(config, signal);
}
