"""The words in which scenarios are written: aims, and legs that say what one request may lead to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.end_to_end.wall.proxy import Toxics


@dataclass(frozen=True, kw_only=True)
class Aim:
    """One target of a config: what the provider behind it does, and on what line it is reached."""

    name: str
    model: str = "good"
    line: Toxics | None = None
    """What happens to the provider's answers on their way."""
    closed: bool = False
    """Nobody listens at its address."""
    key: str = "good"
    more: Mapping[str, Any] = field(default_factory=dict)


def first(model="good", *, line=None, closed=False, key="good", **more):
    return Aim(name="first", model=model, line=line, closed=closed, key=key, more=more)


def second(model="good", **more):
    return Aim(name="second", model=model, more=more)


def third(model="good", **more):
    return Aim(name="third", model=model, more=more)


@dataclass(frozen=True, kw_only=True)
class Gets:
    """What the caller of one request must get."""

    status: int
    code: str | None = None
    provider_code: str | None = None
    by: str | None = None
    """The target whose picture it is."""
    attempts: int = 1
    maybe_billed: int = 0
    final: bool = False
    """Whether its client is told not to try again."""
    retry_after: tuple[int, int] | None = None
    seconds: tuple[float, float] = (0.0, 5.0)
    headers: Mapping[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    """The kinds of events, where it asked for events."""
    usage: Mapping[str, Any] | None = None
    """What the answer itself says was used."""


def served(by, *, attempts=1, maybe_billed=0, **more):
    """Return that the caller gets a whole picture of a target's."""
    return Gets(status=200, by=by, attempts=attempts, maybe_billed=maybe_billed, **more)


def failed(status, code, *, attempts=1, maybe_billed=0, **more):
    """Return that the caller gets one clean error."""
    return Gets(status=status, code=code, attempts=attempts, maybe_billed=maybe_billed, **more)


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One request: what is asked, what its caller must get, what the provider may see, and what may be billed."""

    name: str
    aims: tuple[Aim, ...]
    gets: Gets
    sees: Mapping[str, int]
    """Target → attempts."""
    bills: int
    """The allowance: more must not be billed."""
    due: str = "on_accept"
    strategy: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    """Headers, as they are written."""
    follows: str | None = None
    """The leg whose tenant, and so whose targets, it shares."""
    pause: float | None = None
    """Seconds that must lie between the first two attempts."""
    caller: Toxics | None = None
    """What happens to the answer between gateway and caller."""


def ambiguous(aim, code, *, status=502, name="", seconds=(0.0, 5.0), due="on_accept"):
    """Return the two legs of a fault after which nobody knows what it cost: pay once more, or stop."""
    name = f"{name}, " if name else ""
    return (
        Leg(
            name=f"{name}`once`",
            aims=(aim, second()),
            gets=served("second", attempts=2, maybe_billed=1, seconds=seconds),
            sees={"first": 1, "second": 1},
            bills=2,
            due=due,
        ),
        Leg(
            name=f"{name}`strict`",
            aims=(aim, second()),
            more={"billing": "strict"},
            gets=failed(status, code, maybe_billed=1, final=True, seconds=seconds),
            sees={"first": 1},
            bills=1,
            due=due,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One fault, told by its legs, or by a story where one request after another is not enough."""

    name: str
    legs: tuple[Leg, ...] = ()
    story: Callable[..., None] | None = None
    """Is given the rig and the result."""

    def __str__(self):
        return self.name
