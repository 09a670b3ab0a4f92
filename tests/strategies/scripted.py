"""Leaves that answer by script, and what a test asks and is told."""

import asyncio
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from strategies import (
    Attempt,
    Cause,
    Context,
    Failure,
    Gate,
    Health,
    Journey,
    Node,
    Outcome,
    Retry,
    RetryRule,
    Success,
    Timeout,
)

REQUEST = "a fox in the snow"


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of a scripted leaf, and how long it takes."""

    outcome: Outcome[str] | BaseException
    seconds: float = 1.0
    connects: float = 0.0
    """Seconds until the first byte is handed to the network; `math.inf` for never."""


def failure(cause: Cause, status: int | None = None, **more: Any) -> Failure:
    reached = more.pop("reached", cause not in {Cause.UNREACHABLE, Cause.UNSUPPORTED})
    return Failure(cause=cause, status=status, message=f"scripted {cause}", reached=reached, **more)


def error(status: int, **more: Any) -> Failure:
    return failure(Cause.RATE_LIMITED if status == 429 else Cause.PROVIDER_ERROR, status, **more)


UNREACHABLE = failure(Cause.UNREACHABLE)
UNSUPPORTED = failure(Cause.UNSUPPORTED)
REFUSED = failure(Cause.POLICY, 400)
CUT = failure(Cause.INCOMPLETE)
EMPTY = failure(Cause.EMPTY)

FOREVER = 1e9
SILENT = Turn(UNREACHABLE, seconds=FOREVER, connects=math.inf)
"""No connection is ever made."""
HANGING = Turn(Success("far too late"), seconds=FOREVER)
"""The request is sent and no answer comes."""


@dataclass(eq=False)
class Leaf:
    """Plays its script and notes when it was called; after the last turn it starts to fail the test."""

    name: str
    script: tuple[Turn, ...]
    calls: list[float] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)

    async def __call__(self, request: str, context: Context, /) -> Outcome[str]:
        self.calls.append(asyncio.get_running_loop().time())
        self.requests.append(request)
        self.contexts.append(context)
        turn = self._turn()
        if turn.connects <= turn.seconds:
            await asyncio.sleep(turn.connects)
            if context.attempt is not None:
                context.attempt.sent = turn.outcome not in (UNREACHABLE, UNSUPPORTED)
            await asyncio.sleep(turn.seconds - turn.connects)
        else:
            await asyncio.sleep(turn.seconds)
        if isinstance(turn.outcome, BaseException):
            raise turn.outcome
        return turn.outcome

    def _turn(self) -> Turn:
        assert len(self.calls) <= len(self.script), f"{self.name} was called once too often, at {self.calls[-1]}"
        return self.script[len(self.calls) - 1]


@dataclass(eq=False)
class Weather(Leaf):
    """Answers for ever, as `at` says for the second of the call."""

    at: Callable[[float], Turn | Failure | str] = str

    def _turn(self) -> Turn:
        return _turn(self.at(self.calls[-1]))


def always(name: str, step: Turn | Failure | str) -> Weather:
    return Weather(name, (), at=lambda _: step)


def leaf(name: str, *script: Turn | Failure | str) -> Leaf:
    """Script a leaf: a text stands for a success and, like a failure, takes one second."""
    return Leaf(name, tuple(_turn(step) for step in script))


def _turn(step: Turn | Failure | str) -> Turn:
    if isinstance(step, Turn):
        return step
    return Turn(step if isinstance(step, Failure) else Success(step))


def target(
    inner: Node[str, str],
    rule: RetryRule | None = None,
    *,
    timeout: float | None = None,
    allowance: float = 1.0,
    name: str | None = None,
    health: Health | None = None,
) -> Retry[str, str]:
    """Nest one target as a config does; without `health`, nothing is known of it from one request to the next."""
    name = name or getattr(inner, "name", "target")
    attempt = Attempt(name, Timeout(inner, timeout), allowance)
    rule = RetryRule() if rule is None else rule
    if health is None:
        return Retry(attempt, rule)
    return Retry(Gate(name, attempt, lambda _: health), rule, lambda _: health.budget)


def lent(health: Health) -> dict[str, object]:
    """Return what is under way, or was lent and not given back; `slots` are those that are free."""
    budget, slots = health.budget, health.slots
    return {
        "in_flight": health.in_flight,
        "first tries": budget.in_flight,
        "repeats": budget.repeats,
        "probe": health.breaker._probe,
        "slots": None if slots is None else slots._value,
    }


def at_rest(slots: int | None = None) -> dict[str, object]:
    """Return the same of a target that nobody asks anything."""
    return {"in_flight": 0, "first tries": 0, "repeats": 0, "probe": None, "slots": slots}


class Draw(random.Random):
    """Chance that always falls on the same share of the range."""

    def __init__(self, share: float) -> None:
        super().__init__(0)
        self.share = share

    def random(self) -> float:
        return self.share


LONGEST = 1.0
SHORTEST = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    outcome: Outcome[str]
    at: float
    journey: Journey

    @property
    def reply(self) -> str:
        assert isinstance(self.outcome, Success), self.outcome
        return self.outcome.reply

    @property
    def failure(self) -> Failure:
        assert isinstance(self.outcome, Failure), self.outcome
        return self.outcome

    @property
    def tried(self) -> list[str]:
        return [attempt.target for attempt in self.journey.attempts]


async def ask(
    node: Node[str, str],
    *,
    deadline: float = 180.0,
    max_attempts: int | None = None,
    rng: random.Random | None = None,
    journey: Journey | None = None,
) -> Answer:
    """Send one request through the tree, with the longest possible waits unless `rng` says otherwise."""
    if journey is None:
        journey = Journey(rng=Draw(LONGEST) if rng is None else rng, max_attempts=max_attempts)
    loop = asyncio.get_running_loop()
    outcome = await node(REQUEST, Context(journey, loop.time() + deadline))
    return Answer(outcome, loop.time(), journey)
