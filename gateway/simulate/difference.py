"""What is different between two simulations of the same traffic: the second less the first."""

from collections.abc import Mapping
from typing import Any

from gateway.simulate.numbers import rounded

_WHOLE = (
    *("success_rate", "successes", "p50", "p95", "p99", "cost_usd", "at_risk_usd", "saved_usd"),
    *("rescued", "maybe_billed", "attempts", "attempts_per_request", "unsent"),
)
_OF_TARGET = ("share", "answered", "attempts", "cost_usd", "at_risk_usd", "openings", "open_seconds", "p50", "p95")


def difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return it, by the names that results have; a target that one of them has not counts as idle there."""
    names = dict.fromkeys((*first["targets"], *second["targets"]))
    causes = sorted({*first["failures"], *second["failures"]})
    return {
        **{name: _less(first[name], second[name]) for name in _WHOLE},
        "failures": {cause: second["failures"].get(cause, 0) - first["failures"].get(cause, 0) for cause in causes},
        "targets": {name: _target(first["targets"].get(name), second["targets"].get(name)) for name in names},
    }


def _target(first: Mapping[str, Any] | None, second: Mapping[str, Any] | None) -> dict[str, float | None]:
    return {
        name: _less(_value(first, name), _value(second, name))
        for name in _OF_TARGET
        if (first is not None and second is not None) or not name.startswith("p")
    }


def _value(target: Mapping[str, Any] | None, name: str) -> float | None:
    found: float | None = 0.0 if target is None else target[name]
    return found


def _less(first: float | None, second: float | None) -> float | None:
    """Return the change, `None` where one of them is not known."""
    if first is None or second is None:
        return None
    return rounded(second - first) if isinstance(first, float) or isinstance(second, float) else second - first
