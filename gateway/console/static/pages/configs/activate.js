// Activation: what will change is shown first, and what somebody else changed meanwhile is not written over.

import { api } from "../../api.js";
import { errorBox, h, toast } from "../../dom.js";
import { field } from "../../field.js";
import { errorsOf } from "./checking.js";
import { decided } from "./decision.js";
import { dropDraft } from "./draft.js";
import { linesView } from "./lines_view.js";
import { pathOf } from "./source.js";

const CONFLICT = 409;
const MASK = "***";

/** Checks the text of a board, asks, and puts it into effect; returns whether it did. */
export async function activate(board) {
  const checked = await board.check();
  if (board.signal.aborted) return false;
  if (!checked) {
    if (board.checked().state === "failed") toast(`Not activated: ${board.checked().error.message}`, "bad");
    return false;
  }
  const errors = errorsOf(checked);
  if (errors.length) {
    const many = errors.length === 1 ? "there is an error" : `there are ${errors.length} errors`;
    toast(`Not activated: ${many} to mend first.`, "warn");
    board.goTo(errors[0].line ?? 1, errors[0].column ?? 1);
    return false;
  }
  const text = board.text();
  const config = asSent(checked.config, text);
  return board.source === "new" ? create(board, config, text) : update(board, config, text);
}

/** Returns what is stored: the text itself where it holds a credential, which the answer of the check does not show. */
function asSent(config, text) {
  const hidden = (words) => words.split(MASK).length;
  return hidden(JSON.stringify(config)) > hidden(text) ? text : config;
}

async function update(board, config, text) {
  const about = [
    h(
      "p",
      null,
      "It is in effect at once; requests under way keep the version they have. One may go back to the version of now.",
    ),
    linesView(board.loadedText, text, ["in effect now", "this text"]),
  ];
  if (!(await decided(`Activate this text as the config ${board.id}?`, about, { yes: "Put it into effect" })))
    return false;
  try {
    await api(pathOf(board.id), { method: "PUT", body: { config, version_id: board.versionId }, signal: board.signal });
  } catch (error) {
    if (board.signal.aborted) return false;
    if (error.status === CONFLICT) await conflict(board, error);
    else await refused(error);
    return false;
  }
  finish(board, text, `${board.id} is activated.`);
  return true;
}

async function create(board, config, text) {
  const name = h("input", { type: "text", maxlength: 128, value: board.copied ? `${board.copied} copy` : "" });
  const plain = { type: "text", class: "mono", spellcheck: "false", autocomplete: "off" };
  const slug = h("input", { ...plain, placeholder: "made from the name" });
  const about = [
    h(
      "div",
      { class: "split" },
      field("Name", name),
      field("Slug", slug, { hint: "What requests say in x-portkey-config." }),
    ),
    linesView("", text, ["nothing", "this text"]),
  ];
  const fault = () => (name.value.trim() ? null : "Give the config a name.");
  if (!(await decided("Activate a new config?", about, { yes: "Put it into effect", fault }))) return false;
  const body = { name: name.value.trim(), config, ...(slug.value.trim() ? { slug: slug.value.trim() } : {}) };
  let made;
  try {
    made = await api("/v1/configs", { method: "POST", body, signal: board.signal });
  } catch (error) {
    if (!board.signal.aborted) await refused(error);
    return false;
  }
  finish(board, text, `${made.slug} is activated: name it in x-portkey-config.`);
  board.navigate(`/configs/${encodeURIComponent(made.slug)}`);
  return true;
}

/** Forgets the draft, unless more was written while the gateway was busy with it. */
function finish(board, text, words) {
  if (board.text() === text) dropDraft(board.draftId);
  toast(words, "ok");
}

async function conflict(board, error) {
  const about = [
    errorBox(error),
    h(
      "p",
      null,
      "Nothing was written, and your text stays in this tab. Load the version of now, look at what differs, activate again.",
    ),
  ];
  const again = await decided("Somebody changed this config meanwhile", about, {
    yes: "Load the version of now",
    no: "Stay",
  });
  if (again && !board.signal.aborted) await board.reload("versions");
}

async function refused(error) {
  await decided("The gateway did not take it", errorBox(error), { yes: "Back to the text", no: "Close" });
}
