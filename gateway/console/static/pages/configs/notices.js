// What somebody should know about a config before writing in it.

import { h } from "../../dom.js";

/** Returns the notes above the text of a board; `discard` forgets its edits. */
export function notesOf(board, { discard, copy }) {
  return [
    board.source === "file" ? ofFile(board, copy) : null,
    board.archived ? h("p", { class: "note warn" }, "This config is archived: no request can name it.") : null,
    board.hasDraft ? ofDraft(board, discard) : null,
  ];
}

function ofFile({ file }, copy) {
  return h(
    "p",
    { class: "note" },
    "This config is kept in ",
    file ? h("code", { class: "mono" }, file) : "a file",
    ", and only there can it be changed: the file is what your team reviews and keeps, ",
    "and it would win over any edit made here. The gateway reads it again as soon as it is saved. ",
    button("Edit a copy", copy),
  );
}

function ofDraft({ source, isBehind }, discard) {
  const words = isBehind
    ? "These are your unsaved edits, begun on an older version: another one became active meanwhile. See Versions for what differs. "
    : source === "new"
      ? "You began this config before; it is kept in this tab until you activate or discard it. "
      : "These are your unsaved edits; they are kept in this tab. ";
  return h("p", { class: isBehind ? "note warn" : "note" }, words, button("Discard edits", discard));
}

function button(text, click) {
  return h("button", { class: "button small", type: "button", on: { click } }, text);
}
