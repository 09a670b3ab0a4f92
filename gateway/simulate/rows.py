"""The lines of a report: what each is called, how it is told, and how its change is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.simulate.words import count, dollars, lasting, percent, points, seconds

Told = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Row:
    """One number of a result."""

    title: str
    name: str
    told: Told
    good: int
    """1 where more is better, -1 where less is, 0 where neither is."""
    change: Told | None = None

    def changed(self, value: float | None) -> str:
        """Return a change, with its sign."""
        if self.change is not None:
            return self.change(value)
        said = self.told(value)
        return f"+{said}" if value is not None and value > 0 else said


SUMMARY = (
    Row("success", "success_rate", percent, 1, points),
    Row("p50", "p50", seconds, -1),
    Row("p95", "p95", seconds, -1),
    Row("p99", "p99", seconds, -1),
    Row("cost", "cost_usd", dollars, -1),
    Row("money at risk", "at_risk_usd", dollars, -1),
    Row("rescued", "rescued", count, 0),
    Row("maybe billed", "maybe_billed", count, -1),
    Row("attempts", "attempts", count, 0),
)
TARGET: tuple[tuple[str, Told], ...] = (
    ("share", lambda target: percent(target["share"])),
    ("attempts", lambda target: count(target["attempts"])),
    ("failed", lambda target: count(sum(target["failures"].values()))),
    ("passed over", lambda target: count(sum(target["passed_over"].values()))),
    ("p50", lambda target: seconds(target["p50"])),
    ("p95", lambda target: seconds(target["p95"])),
    ("cost", lambda target: dollars(target["cost_usd"])),
    ("at risk", lambda target: dollars(target["at_risk_usd"])),
    ("breaker open", lambda target: _often(target["openings"], target["open_seconds"])),
    ("throttled", lambda target: lasting(target["throttled_seconds"]) if target["throttled_seconds"] else "never"),
)
"""The columns of the table of targets."""


def notes(result: Mapping[str, Any]) -> list[str]:
    """Return what has to be known beside the numbers."""
    found = []
    if result["refused"]:
        codes = ", ".join(f"{number:,} {code}" for code, number in result["refused"].items())
        found.append(f"The gateway refuses {sum(result['refused'].values()):,} requests at its door: {codes}.")
    if result["unpriced"]:
        found.append(f"Nobody knows the price of {result['unpriced']:,} answers: the cost is without them.")
    hits = result["cache"].get("HIT", 0)
    if hits:
        found.append(f"The cache answers {hits:,} requests and spares {dollars(result['saved_usd'])}.")
    return found


def _often(times: int, lasted: float) -> str:
    return f"{times:,} × , {lasting(lasted)}".replace(" ,", ",") if times else "never"
