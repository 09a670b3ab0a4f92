"""What came of a test in a config, and what of it is not as expected."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.compile import Route
from gateway.config.spec import CaseSpec

_CENT_FRACTION = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of one test."""

    case: CaseSpec
    problems: tuple[str, ...]
    """What is not as expected; nothing where it passed."""
    status: int
    target: str | None
    tried: tuple[str, ...] = ()
    cost_usd: float | None = None
    seconds: float = 0.0
    cause: str | None = None
    code: str | None = None
    adaptations: tuple[str, ...] = ()
    maybe_billed: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    attempts: tuple[dict[str, Any], ...] = ()
    """One row for each attempt, as an error's `attempts` shows it."""
    passed_over: dict[str, str] = field(default_factory=dict)
    """Path of a target that was not tried → why."""

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.problems


def differences(case: CaseSpec, ran: Ran, route: Route) -> Iterator[str]:
    """Yield what is not as expected, each as a sentence."""
    expect = case.expect
    called = {path: {path, target.name} - {None} for path, target in route.targets.items()}
    if expect.status is not None and ran.status != expect.status:
        why = f" ({ran.code})" if ran.code else ""
        yield f"status: expected {expect.status}, got {ran.status}{why}"
    if expect.target is not None and expect.target not in called.get(ran.target or "", ()):
        yield f"target: expected {expect.target}, got {_name(ran.target, route)}"
    if expect.attempts is not None and len(ran.tried) != expect.attempts:
        yield f"attempts: expected {expect.attempts}, got {len(ran.tried)}"
    if expect.tried is not None:
        alike = [name in called[path] for name, path in zip(expect.tried, ran.tried, strict=False)]
        if len(expect.tried) != len(ran.tried) or not all(alike):
            yield f"tried: expected {_row(expect.tried)}, got {_row([_name(path, route) for path in ran.tried])}"
    yield from _words(case, ran)
    yield from _money_and_time(case, ran)


def _words(case: CaseSpec, ran: Ran) -> Iterator[str]:
    expect = case.expect
    for name in ("cause", "code", "maybe_billed"):
        wanted, got = getattr(expect, name), getattr(ran, name)
        if wanted is not None and got != wanted:
            yield f"{name}: expected {wanted}, got {'none' if got is None else got}"
    if expect.adaptations is not None and set(expect.adaptations) != set(ran.adaptations):
        yield f"adaptations: expected {_row(expect.adaptations)}, got {_row(ran.adaptations)}"
    for header, text in (expect.headers or {}).items():
        if ran.headers.get(header) != text:
            yield f"header {header}: expected {text!r}, got {ran.headers.get(header, 'none')!r}"


def _money_and_time(case: CaseSpec, ran: Ran) -> Iterator[str]:
    expect, cost = case.expect, ran.cost_usd
    shown = "unknown" if cost is None else f"${cost:g}"
    if expect.cost_usd is not None and (cost is None or abs(cost - expect.cost_usd) > _CENT_FRACTION):
        yield f"cost_usd: expected ${expect.cost_usd:g}, got {shown}"
    if expect.max_cost_usd is not None and (cost is None or cost > expect.max_cost_usd + _CENT_FRACTION):
        yield f"max_cost_usd: expected at most ${expect.max_cost_usd:g}, got {shown}"
    if expect.max_seconds is not None and ran.seconds > expect.max_seconds:
        yield f"max_ms: expected at most {expect.max_seconds * 1000:g}, got {ran.seconds * 1000:.0f}"


def _name(path: str | None, route: Route) -> str:
    return "none" if path is None else route.targets[path].name or path


def _row(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
