// What the gateway says of a text while it is being written: asked after a pause, and never late.

import { api } from "../../api.js";

const PAUSE_MS = 350;

/** Returns `{later, now, last}` for a page; `heard` is told `{state, text, result, error}` as things come.
 *
 * `seen` may pass over problems that are none where the text comes from.
 */
export function checking(heard, signal, seen = (problem) => problem) {
  let timer = null;
  let asked = new AbortController();
  const last = { state: "waiting", text: null, result: null, error: null };
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    asked.abort();
  });

  function told(news) {
    Object.assign(last, news);
    heard(last);
  }

  function later(text) {
    clearTimeout(timer);
    asked.abort();
    told({ state: "waiting" });
    timer = setTimeout(() => now(text), PAUSE_MS);
  }

  /** Asks at once; returns the answer, or `null` if none came or another question was asked meanwhile. */
  async function now(text) {
    clearTimeout(timer);
    asked.abort();
    if (signal.aborted) return null;
    asked = new AbortController();
    const mine = asked;
    told({ state: "asking" });
    try {
      const result = await api("/v1/check", { method: "POST", body: { text }, signal: mine.signal });
      if (mine.signal.aborted) return null;
      told({ state: "known", text, result: { ...result, problems: result.problems.filter(seen) }, error: null });
      return last.result;
    } catch (error) {
      if (!mine.signal.aborted) told({ state: "failed", text, result: null, error });
      return null;
    }
  }

  return { later, now, last };
}

/** Returns the errors among problems: what keeps a config from being activated. */
export function errorsOf(result) {
  return (result?.problems ?? []).filter((problem) => problem.severity === "error");
}

/** Returns the targets of a tree, in order. */
export function targetsOf(node) {
  if (!node) return [];
  return node.children?.length ? node.children.flatMap(targetsOf) : [node];
}

/** Returns what a target is called where one is named: its name, else its path. */
export function nameOf(node) {
  return node.name || node.path;
}
