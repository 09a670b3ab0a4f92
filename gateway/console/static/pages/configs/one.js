// One config: opened, kept in step with what the gateway has, and left without losing a word.

import { api } from "../../api.js";
import { confirmed, errorBox, mount, toast, waiting } from "../../dom.js";
import { activate } from "./activate.js";
import { boardOf } from "./board.js";
import { desk } from "./desk.js";
import { copyOf, draftOf, dropDraft, NEW, warnBeforeLeaving } from "./draft.js";
import { loadConfig, newConfig } from "./source.js";

/** Shows a config in `root`: the one of an id, or a new one. */
export async function showOne(root, { id, query, signal, navigate }) {
  const copied = id ? null : query.get("copy");
  const draftId = id ?? (copied ? copyOf(copied) : NEW);
  const schema = api("/v1/schemas/config", { signal }).catch(() => null);
  let board = null;
  let shown = null;
  let ending = null;

  document.addEventListener("keydown", onKey, { signal, capture: true });
  const unsaved = () => board !== null && draftOf(draftId) !== null;
  warnBeforeLeaving(unsaved, signal);
  signal.addEventListener("abort", () => {
    ending?.abort();
    if (unsaved()) toast(`Your unsaved edits of ${id ?? "the new config"} are kept in this tab.`);
  });
  await open(query.get("tab"));

  async function open(tab) {
    ending?.abort();
    ending = new AbortController();
    mount(root, waiting(id ? `Waiting for the config ${id} …` : "Waiting for the gateway …"));
    const [config, { data: others }] = await Promise.all([
      id ? loadConfig(id, signal) : newConfig(copied, signal),
      api("/v1/routes", { signal }),
    ]);
    if (signal.aborted) return;
    board = boardOf(config, { draftId, others, signal: ending.signal, navigate });
    board.reload = (next) =>
      open(next ?? shown.chosen()).catch((error) => !signal.aborted && mount(root, errorBox(error)));
    shown = desk(root, board, {
      schema,
      tab: tab ?? "explain",
      onTab: keepTab,
      acts: { check, activate: put, discard, copy },
    });
    await board.check();
  }

  function keepTab(tab) {
    const asked = new URLSearchParams({ ...(id ? {} : { new: "1" }), ...(copied ? { copy: copied } : {}), tab });
    navigate(`${id ? `/configs/${encodeURIComponent(id)}` : "/configs"}?${asked}`, { quiet: true });
  }

  async function check() {
    const result = await board.check();
    if (result)
      toast(result.problems.length ? "Checked: see the list below the text." : "Checked: nothing is wrong.", "info");
  }

  async function put() {
    if (await activate(board)) {
      if (id) await board.reload();
    }
  }

  async function discard() {
    const sure = await confirmed(`Discard your unsaved edits of ${id ?? "the new config"}?`, {
      yes: "Discard",
      danger: true,
    });
    if (!sure || signal.aborted) return;
    dropDraft(draftId);
    if (id) await board.reload();
    else navigate("/configs");
  }

  function copy() {
    navigate(`/configs?new=1&copy=${encodeURIComponent(id)}`);
  }

  function onKey(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || !board || document.querySelector("dialog[open]")) return;
    if (event.key.toLowerCase() === "s") {
      event.preventDefault();
      if (board.readOnly || board.isUnchanged()) check();
      else put();
    } else if (event.key === "Enter") {
      event.preventDefault();
      board.run[shown.chosen()]?.();
    }
  }
}
