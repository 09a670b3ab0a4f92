// One config on the desk: its text, what the gateway says of it, and what the panels need to know of both.

import { withTestOf } from "./adding.js";
import { checking, targetsOf } from "./checking.js";
import { draftOf, dropDraft, keepDraft } from "./draft.js";
import { requestForm } from "./request_form.js";

/** Returns the board of a config as `loadConfig` or `newConfig` return it; `draftId` is what its edits are kept under. */
export function boardOf(config, { draftId, others, signal, navigate }) {
  const readOnly = config.source === "file";
  const draft = readOnly ? null : draftOf(draftId);
  const base = draft?.base ?? config.versionId;
  const listeners = [];
  const request = requestForm();
  let text = draft?.text ?? config.text;

  const heard = (last) => {
    if (last.result?.tree) request.targets(targetsOf(last.result.tree));
    listeners.forEach((listener) => listener(last));
  };
  // Files may refer to the environment, and a text that is asked about could be meant for anywhere.
  const checks = checking(heard, signal, ({ code }) => !readOnly || code !== "reference-in-stored");

  /** Takes what was written, and returns whether it could be kept. */
  function wrote(now) {
    if (now === text) return true;
    text = now;
    checks.later(text);
    if (text !== config.text) return keepDraft(draftId, { text, base });
    dropDraft(draftId);
    return true;
  }

  const board = {
    ...config,
    draftId,
    loadedText: config.text,
    hasDraft: draft !== null,
    /** Whether another version became active after these edits were begun. */
    isBehind: draft !== null && base !== config.versionId,
    readOnly,
    others,
    signal,
    navigate,
    request,
    /** What Ctrl+Enter runs, by tab. */
    run: {},
    text: () => text,
    isUnchanged: () => config.source !== "new" && text === config.text,
    checked: () => checks.last,
    check: () => checks.now(text),
    onChecked: (listener) => listeners.push(listener),
    // The config itself, where the text is its own: that one has its secrets.
    subject: () => (board.isUnchanged() ? { id: config.id } : { text }),
    wrote,
    testAdded: () => withTestOf(text, checks.last.result?.tree, request.value(), signal),
  };
  return board;
}
