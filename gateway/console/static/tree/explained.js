// What is told of a node before it runs: why it is not reached, what it would send, what that would cost.

import { badge, h } from "../dom.js";
import { usd } from "../format.js";

/** Returns the facts of a node of an explained route. */
export function explained(node) {
  const { reachable, why, problem, adaptations, assumed, price_usd: price, calls, send } = node;
  return [
    reachable === false ? h("p", { class: "muted" }, `Not reached: ${why ?? "no reason is known"}.`) : null,
    assumed === null || assumed === undefined ? null : h("p", null, badge(`taken to answer ${assumed}`, "info")),
    problem ? h("p", null, badge(problem.code ?? problem.cause ?? "problem", "bad"), " ", problem.message ?? "") : null,
    calls > 1 ? h("p", { class: "muted" }, `${calls} calls, as one makes too few pictures.`) : null,
    Array.isArray(price) ? h("p", { class: "muted" }, `Price: ${priced(price)}.`) : null,
    adaptations?.length
      ? h(
          "ul",
          { class: "adaptations" },
          adaptations.map((each) => h("li", null, String(each))),
        )
      : null,
    send ? request(send) : null,
  ];
}

function priced([low, high]) {
  return low === high ? usd(low) : `${usd(low)} to ${usd(high)}`;
}

function request(send) {
  return h(
    "details",
    { class: "request" },
    h("summary", null, send.local ?? [send.method, send.url].filter(Boolean).join(" ")),
    h(
      "pre",
      { class: "mono", tabindex: "0", "aria-label": "The request as it would be sent" },
      JSON.stringify(send, null, 2),
    ),
  );
}
