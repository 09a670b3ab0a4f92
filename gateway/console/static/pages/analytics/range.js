// The time that figures are of: the last hour, day, week or month, or one of somebody's own.

import { h } from "../../dom.js";
import { field, oneOf, Slip } from "../../field.js";

const MINUTE = 60_000;
const SPANS = {
  "1h": ["last hour", 60],
  "24h": ["last 24 hours", 1440],
  "7d": ["last 7 days", 10_080],
  "30d": ["last 30 days", 43_200],
};
const OWN = "own";
const FIRST = "24h";

/** Returns the element, `read()`, which returns `{since, until}` or throws `Slip`, and `query()` for the address. */
export function rangeForm(query, { onChange }) {
  const asked = query.get("range") ?? FIRST;
  const options = [...Object.entries(SPANS).map(([key, [name]]) => [key, name]), [OWN, "own time"]];
  const span = oneOf(options, asked === OWN || Object.hasOwn(SPANS, asked) ? asked : FIRST);
  const since = h("input", {
    type: "datetime-local",
    value: query.get("since") ?? local(Date.now() - 24 * 60 * MINUTE),
  });
  const until = h("input", { type: "datetime-local", value: query.get("until") ?? local(Date.now()) });
  const own = h("div", { class: "own-range" }, field("From", since), field("To", until));
  const element = h("div", { class: "range" }, field("Time", span), own);
  element.addEventListener("change", () => {
    own.hidden = span.value !== OWN;
    onChange();
  });
  own.hidden = span.value !== OWN;
  return { element, read, query: words };

  function read() {
    if (span.value !== OWN) {
      const now = Date.now();
      return { since: new Date(now - SPANS[span.value][1] * MINUTE), until: new Date(now) };
    }
    const times = { since: new Date(since.value), until: new Date(until.value) };
    for (const [name, input] of Object.entries({ since, until })) {
      if (Number.isNaN(times[name].getTime())) throw new Slip("Time: write a day and a time on both sides.", input);
    }
    if (times.since >= times.until) throw new Slip("Time: it has to begin before it ends.", since);
    return times;
  }

  function words() {
    if (span.value !== OWN) return { range: span.value };
    return { range: OWN, since: since.value, until: until.value };
  }
}

function local(milliseconds) {
  const moment = new Date(milliseconds);
  return new Date(milliseconds - moment.getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
}
