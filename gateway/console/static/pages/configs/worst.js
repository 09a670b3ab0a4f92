// The worst case of a config in one line.

import { ms, usd } from "../../format.js";

/** Returns attempts, seconds and dollars as one sentence. */
export function worstCase(worst) {
  if (!worst) return "The worst case is not known.";
  const { attempts, seconds, cost_usd: cost } = worst;
  const tries = `${attempts} ${attempts === 1 ? "attempt" : "attempts"}`;
  const money = cost === null || cost === undefined ? "a price that is not known" : usd(cost);
  return `At worst: ${tries}, ${ms(seconds * 1000)}, ${money}`;
}
