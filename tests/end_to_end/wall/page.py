"""Writes docs/faults.md from a run of the wall: `make faults`."""

import sys
from collections import Counter
from pathlib import Path

from tests.end_to_end.wall.judge import FAIL, PARTIAL, PASS
from tests.end_to_end.wall.rig import playing, rig
from tests.end_to_end.wall.scenarios import SCENARIOS

PAGE = Path(__file__).parents[3] / "docs" / "faults.md"

_HEAD = """# Faults

Written by `make faults`, which plays what can go wrong between a caller, the gateway and a provider against one
running gateway. `make test` plays the same scenarios, and fails where one does not pass.

"""
_COLUMNS = ("scenario", "request", "what the caller got", "attempts", "billed / allowance", "verdict")
_TAIL = """
## How it is judged

The provider is a strict fake on a real socket; the name of the model selects its fault, proxies spoil the lines to it
and from the caller. Two sides judge. The caller is a plain socket that knows whether an answer ended where it said it
would; a picture counts when it is, bit by bit, the one that this target painted for this caller. The provider logs
every attempt, and its books say what is billed: from the moment it takes a request, unless the scenario says with the
first or the last byte of its answer. *Attempts* are those the provider saw, by target in the config's order.
*Allowance* is what `billing` lets a request cost: with `once`, the default, one picture more after one failure that may
have been billed; with `strict` none.

A scenario fails where a caller gets a wrong status, half an answer, another's picture or no answer, where a target is
asked more often than allowed or sooner than it asked for, where more is billed than allowed or than
`x-gateway-maybe-billed` owns up to, or where a good request right after it fails. It is partial where only what is told
is wrong (headers, the list of attempts), where an answer comes later than it should, or where a connection that was
given up stays open for more than a second.

The outage stands for one of 60 s with a request every 4 s and a cooldown of 15 s: at most 8 attempts at the provider
that is down, every request served, and back on it within 20 s after its recovery. Here all times are divided by ten.

## Beside others

Failover Bench (methodology v0.1, public scorecard of 2026-09-12) judges by 16 injected faults in the same manner, from
the caller's and the provider's side, but counts no money. These are its figures, on its faults and not on those above:

| system | pass | partial | safe | fail |
| --- | --- | --- | --- | --- |
| its own reference client | 16 | 0 | 0 | 0 |
| DeepSeek Harness with fallback plugin | 12 | 3 | 1 | 0 |
| Portkey gateway | 11 | 2 | 0 | 3 |
| Bifrost 2.1.1 | 9 | 3 | 3 | 1 |
| LiteLLM proxy and router | 9 | 3 | 4 | 0 |
| openai-python alone | 6 | 0 | 10 | 0 |

In its outage of 60 s every system whose attempts are known made 45 attempts at the dead provider for 15 requests.
"""


def page(results):
    """Return the page."""
    lines = [f"**{summary(results)}**", "", f"| {' | '.join(_COLUMNS)} |", "| --- " * len(_COLUMNS) + "|"]
    for result in results:
        for index, row in enumerate(result.rows):
            name, verdict = (result.name, result.verdict) if index == 0 else ("", "")
            cells = (name, row.name, row.got, row.attempts, f"{row.billed} / {row.allowance}", verdict)
            lines.append(f"| {' | '.join(cells)} |")
    return _HEAD + "\n".join(lines) + "\n" + _TAIL


def summary(results):
    """Return the verdicts in one line."""
    counts = Counter(result.verdict for result in results)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in (PASS, PARTIAL, FAIL))
    return f"{len(results)} scenarios: {told}"


def scorecard(results):
    """Return the results as text for a terminal."""
    lines = []
    for result in results:
        lines.append(f"{result.verdict:8}{result.name}")
        for row in result.rows:
            money = f"{row.billed} of {row.allowance} billed"
            lines.append(f"        {row.name:34}{row.got:42}attempts {row.attempts:10}{money}")
        lines += [f"        {what}" for what in (*result.failures, *result.blemishes)]
    return "\n".join([*lines, summary(results)])


def main():
    """Play all scenarios and write the page, whatever they came to."""
    with rig() as it, playing(it, SCENARIOS) as coming:
        results = [coming[scenario.name].result() for scenario in SCENARIOS]
    sys.stdout.write(scorecard(results) + "\n")
    PAGE.write_text(page(results))
    sys.stdout.write(f"{PAGE.name} is written\n")
    return 0 if all(result.verdict == PASS for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
