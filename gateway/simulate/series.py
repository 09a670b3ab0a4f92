"""What happened when: the columns of all requests, summed up in stretches of time."""

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.simulate.numbers import percentile, rounded
from gateway.simulate.watch import Stretch

_MOST_STRETCHES = 60
_WIDTHS = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 21_600, 43_200, 86_400),
)
"""Widths of stretches that people count in; whole days above."""


class Columns:
    """One number of each kind for each request, in the order in which they ended."""

    def __init__(self) -> None:
        """Hold none."""
        self.at = array("d")
        self.seconds = array("d")
        self.answered = array("h")
        """Which target answered, in the order they are written; -1: none."""
        self.cost = array("d")
        self.risk = array("d")
        self.rescued = array("b")
        self.maybe_billed = array("h")

    def add(
        self,
        at: float,
        seconds: float = 0.0,
        *,
        answered: int = -1,
        cost: float = 0.0,
        risk: float = 0.0,
        rescued: bool = False,
        maybe_billed: int = 0,
    ) -> None:
        """Add one request."""
        self.at.append(at)
        self.seconds.append(seconds)
        self.answered.append(answered)
        self.cost.append(cost)
        self.risk.append(risk)
        self.rescued.append(rescued)
        self.maybe_billed.append(maybe_billed)

    def waits(self) -> Iterator[float]:
        """Yield how long those waited that got their pictures."""
        return (seconds for seconds, answered in zip(self.seconds, self.answered, strict=True) if answered >= 0)


def series(
    columns: Columns,
    names: Sequence[str],
    opened: Mapping[str, Sequence[Stretch]],
    throttled: Mapping[str, Sequence[Stretch]],
) -> dict[str, Any]:
    """Return what became of the requests that came in each stretch of time."""
    lasts = max(columns.at)
    width = _width(lasts)
    rows: list[list[int]] = [[] for _ in range(int(lasts / width) + 1)]
    for index, at in enumerate(columns.at):
        rows[int(at / width)].append(index)
    took = [sorted(columns.seconds[index] for index in row if columns.answered[index] >= 0) for row in rows]
    by = [_counts([columns.answered[index] for index in row], len(names)) for row in rows]
    begins = [number * width for number in range(len(rows))]
    return {
        "seconds": [rounded(each) for each in begins],
        "width": width,
        "requests": [len(row) for row in rows],
        "shares": {
            name: [rounded(counts[index] / sum(counts)) if any(counts) else None for counts in by]
            for index, name in enumerate(names)
        },
        "p50": [percentile(each, 0.5) for each in took],
        "p95": [percentile(each, 0.95) for each in took],
        "p99": [percentile(each, 0.99) for each in took],
        "cost_usd": [rounded(math.fsum(columns.cost[index] for index in row)) for row in rows],
        "at_risk_usd": [rounded(math.fsum(columns.risk[index] for index in row)) for row in rows],
        "failures": [sum(columns.answered[index] < 0 for index in row) for row in rows],
        "rescued": [sum(columns.rescued[index] for index in row) for row in rows],
        "maybe_billed": [sum(columns.maybe_billed[index] > 0 for index in row) for row in rows],
        "open": {name: [_overlap(opened[name], each, width) for each in begins] for name in names},
        "throttled": {name: [_overlap(throttled[name], each, width) for each in begins] for name in names},
    }


def _width(lasts: float) -> float:
    for width in _WIDTHS:
        if lasts / width < _MOST_STRETCHES:
            return float(width)
    return math.ceil(lasts / _MOST_STRETCHES / _WIDTHS[-1]) * float(_WIDTHS[-1])


def _counts(answered: Sequence[int], targets: int) -> list[int]:
    counts = [0] * targets
    for each in answered:
        if each >= 0:
            counts[each] += 1
    return counts


def _overlap(stretches: Sequence[Stretch], begins: float, width: float) -> float:
    """Return which share of a stretch of time is covered by others, which do not overlap."""
    ends = begins + width
    return rounded(sum(max(min(ends, until) - max(begins, since), 0.0) for since, until in stretches) / width)
