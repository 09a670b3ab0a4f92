// Edits that are not in effect yet: kept in this tab, for each config, so that no click loses them.

const PREFIX = "beamsplitter.configs.draft.";
/** The draft of a config that has no name yet; no slug has a star. */
export const NEW = "*new";

/** Returns what the draft of a copy of a config is kept under. */
export function copyOf(id) {
  return `*copy of ${id}`;
}

/** Returns the draft of a config as `{text, base}`, or `null`; `base` is the version it was begun on. */
export function draftOf(id) {
  try {
    const draft = JSON.parse(sessionStorage.getItem(PREFIX + id));
    return typeof draft?.text === "string" ? draft : null;
  } catch {
    return null;
  }
}

/** Keeps a draft, and returns whether there was room for it. */
export function keepDraft(id, draft) {
  try {
    sessionStorage.setItem(PREFIX + id, JSON.stringify(draft));
    return true;
  } catch {
    return false;
  }
}

/** Forgets a draft. */
export function dropDraft(id) {
  sessionStorage.removeItem(PREFIX + id);
}

/** Asks before the tab is closed while `unsaved()` holds: with the tab go its drafts. */
export function warnBeforeLeaving(unsaved, signal) {
  const warn = (event) => {
    if (unsaved()) event.preventDefault();
  };
  window.addEventListener("beforeunload", warn, { signal });
}
