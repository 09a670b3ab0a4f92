// The route that a request took, as it was then: by the config's name and version.

import { api } from "../api.js";

const MOST = 50;
const asked = new Map();

/** Returns `{tree, told}`: the tree where it is known, and a sentence where it is not. */
export async function routeOf({ config, config_version: version }, signal) {
  if (!config)
    return { tree: null, told: "This config came with the request and is not kept: the tree shows what was tried." };
  const key = JSON.stringify([config, version]);
  const known = asked.get(key);
  if (known) return known;
  let found;
  try {
    const query = version ? `?${new URLSearchParams({ version })}` : "";
    const { tree } = await api(`/v1/routes/${encodeURIComponent(config)}${query}`, { signal });
    found = { tree: tree ?? null, told: tree ? null : `${config} cannot be drawn: the tree shows what was tried.` };
  } catch (error) {
    if (error.name === "AbortError") return { tree: null, told: null };
    if (error.status !== 404) return { tree: null, told: `${error.message} The tree shows what was tried.` };
    found = { tree: null, told: `This version of ${config} is not known any more: the tree shows what was tried.` };
  }
  // Only what will not change is remembered: a version is for ever, "the one in force" is not.
  if (version && found.tree) {
    asked.set(key, found);
    if (asked.size > MOST) asked.delete(asked.keys().next().value);
  }
  return found;
}
