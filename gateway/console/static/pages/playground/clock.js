// A clock that runs while something is under way; a screen reader is not told of each tick.

import { h } from "../../dom.js";

const EVERY_MS = 100;

/** Returns the clock's element, `start()` and `stop()`. */
export function clock() {
  const element = h("span", { class: "clock mono", role: "timer", "aria-live": "off" });
  let ticking = null;
  return { element, start, stop };

  function start() {
    stop();
    const began = performance.now();
    const tick = () => {
      element.textContent = `${((performance.now() - began) / 1000).toFixed(1)} s`;
    };
    tick();
    ticking = setInterval(tick, EVERY_MS);
  }

  function stop() {
    clearInterval(ticking);
  }
}
