// The stream of requests, taken up again where it broke off.

import { stream } from "../../api.js";

/** Requests from before, told first: what was missed while the stream was away is among them. */
const BEFORE = 30;
const FIRST_MS = 1000;
const LAST_MS = 15_000;
const LONG_ENOUGH_MS = 5000;

/** Hands events and their names to `take` until `signal` aborts; `onState(word, kind, error)` hears how it is. */
export async function listen(take, { signal, onState }) {
  let pause = FIRST_MS;
  while (!signal.aborted) {
    const began = Date.now();
    let failed = null;
    try {
      await stream(`/v1/logs/live?last=${BEFORE}`, take, { signal, onOpen: () => onState("live", "ok", null) });
    } catch (error) {
      failed = error;
    }
    if (signal.aborted) return;
    if (failed && isFinal(failed)) {
      onState("stopped", "bad", failed);
      return;
    }
    if (Date.now() - began > LONG_ENOUGH_MS) pause = FIRST_MS;
    onState("reconnecting", "warn", failed);
    await rest(pause, signal);
    pause = Math.min(2 * pause, LAST_MS);
  }
}

function isFinal({ status }) {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

function rest(duration, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, duration);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
