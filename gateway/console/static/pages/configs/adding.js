// A new test, from a request: what happens to it today is what it expects from now on.

import { api } from "../../api.js";
import { targetsOf } from "./checking.js";
import { withTest } from "./yaml.js";

const STATUS = /^\d{3}$/;

/** Returns the text of a config with a test for this request; asks the gateway what happens to it today. */
export async function withTestOf(text, tree, asked, signal) {
  const { request, operation, metadata, headers, assume } = asked;
  const given = Object.fromEntries(
    Object.entries(assume).map(([target, answer]) => [target, [STATUS.test(answer) ? Number(answer) : answer]]),
  );
  const name = nameFor(text, given, metadata);
  const test = { name, operation: operation === "generate" ? undefined : operation, request, metadata, headers, given };
  const guess = withTest(text, { ...test, expect: { status: 200 } });
  const { tests, problems } = await api("/v1/check", { method: "POST", body: { text: guess }, signal });
  const ran = tests?.find((each) => each.name === name);
  if (!ran) {
    const why = problems?.find((problem) => problem.severity === "error")?.message;
    throw new Error(`This request makes no test: ${why ?? "the config cannot be read yet."}`);
  }
  return { name, text: withTest(text, { ...test, expect: expected(ran.told, tree) }) };
}

function expected({ status, target, attempts }, tree) {
  // Which target a draw falls on is chance, and no test should hang on it.
  if (draws(tree)) return { status };
  const named = targetsOf(tree).find((node) => node.path === target || node.name === target);
  return { status, ...(target ? { target: named?.name ?? target } : {}), attempts: attempts?.length };
}

function draws(node) {
  return node?.mode === "loadbalance" || (node?.children ?? []).some(draws);
}

function nameFor(text, given, metadata) {
  const answers = Object.entries(given).map(([target, [answer]]) => `${target} answers ${answer}`);
  const about = Object.entries(metadata).map(([name, value]) => `${name} is ${value}`);
  const base = [...about, ...answers].join(" and ").slice(0, 100) || "a usual request";
  let name = base;
  for (let number = 2; text.includes(name); number += 1) name = `${base} (${number})`;
  return name;
}
