// Simulate: traffic and faults played against this config in virtual time, and against another one to compare.

import { api } from "../../api.js";
import { errorBox, h, mount, waiting } from "../../dom.js";
import { field, oneOf } from "../../field.js";
import { nameOf, targetsOf } from "./checking.js";
import { faultsForm } from "./faults.js";
import { simulated } from "./simulated.js";
import { trafficForm } from "./traffic.js";

/** Returns the panel of a config's board. */
export function simulatePanel(board) {
  const said = h("div", { class: "result", "aria-live": "polite" });
  const traffic = trafficForm();
  const faults = faultsForm(() => [...new Set(targetsOf(board.checked().result?.tree).map(nameOf))]);
  const others = board.others.filter((each) => each.id !== board.id).map((each) => [each.id, each.name || each.id]);
  const options = [["", "nothing"], ...(board.id ? [[board.id, `${board.id}, the active version`]] : []), ...others];
  const compared = oneOf(options, board.id && !board.isUnchanged() ? board.id : "");
  const ask = h("button", { class: "button primary", type: "button", on: { click: run } }, "Simulate");
  board.run.simulate = run;
  let asked = new AbortController();
  let result = null;
  board.signal.addEventListener("abort", () => {
    asked.abort();
    result?.destroy();
  });

  async function run() {
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    result?.destroy();
    result = null;
    let body;
    try {
      body = { ...board.subject(), ...traffic.value(), faults: faults.value() };
    } catch (error) {
      mount(said, errorBox(error));
      return;
    }
    if (compared.value) body.compare = { id: compared.value };
    const stop = h(
      "button",
      { class: "button small", type: "button", on: { click: () => asked.abort() } },
      "Stop waiting",
    );
    mount(said, waiting(`Waiting for ${body.requests.toLocaleString("en")} requests in virtual time …`), stop);
    ask.disabled = true;
    try {
      const told = await api("/v1/simulate", { method: "POST", body, signal });
      if (signal.aborted) return;
      const names = ["this text", compared.selectedOptions[0].textContent];
      result = simulated(told, names);
      mount(said, result.element);
      result.begin();
    } catch (error) {
      if (asked.signal === signal) mount(said, signal.aborted ? null : errorBox(error));
    } finally {
      if (asked.signal === signal) ask.disabled = false;
    }
  }

  return h(
    "div",
    { class: "simulate" },
    traffic.element,
    faults.element,
    h("div", { class: "toolbar buttons" }, h("div", { class: "grow" }, field("Compare with", compared)), ask),
    said,
  );
}
