"""The one protocol everything here speaks: a node answers a request with an outcome."""

import asyncio
import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from strategies.value import value

Req_contra = TypeVar("Req_contra", contravariant=True)
Rep_co = TypeVar("Rep_co", covariant=True)


class Cause(StrEnum):
    """Why an attempt failed. Strategies decide on causes and status codes, never on message text."""

    UNREACHABLE = "unreachable"
    RATE_LIMITED = "rate_limited"
    PROVIDER_ERROR = "provider_error"
    TIMEOUT = "timeout"
    INCOMPLETE = "incomplete"
    EMPTY = "empty"
    POLICY = "policy"
    INVALID = "invalid"
    UNSUPPORTED = "unsupported"
    AUTH = "auth"
    BUDGET = "budget"
    DEADLINE = "deadline"

    @property
    def may_be_billed(self) -> bool:
        """Whether an attempt that ended so may have cost money, when nobody knows better."""
        return self in _MAY_BE_BILLED


_MAY_BE_BILLED = frozenset({Cause.TIMEOUT, Cause.INCOMPLETE, Cause.EMPTY})

# What `on_status_codes` sees where the provider's own status does not say it.
_SEEN_STATUS = {
    Cause.UNREACHABLE: 503,
    Cause.RATE_LIMITED: 429,
    Cause.PROVIDER_ERROR: 500,
    Cause.TIMEOUT: 408,
    Cause.INCOMPLETE: 502,
    Cause.EMPTY: 200,
    Cause.POLICY: 400,
    Cause.INVALID: 400,
    Cause.UNSUPPORTED: 422,
    Cause.AUTH: 401,
    Cause.BUDGET: 429,
    Cause.DEADLINE: 504,
}
_STATUS_AS_SENT = frozenset({Cause.RATE_LIMITED, Cause.PROVIDER_ERROR, Cause.POLICY, Cause.INVALID, Cause.AUTH})


@value()
class Success(Generic[Rep_co]):
    """A reply worth delivering."""

    reply: Rep_co


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failure that has a name: a value that strategies pass around, not an exception."""

    cause: Cause
    message: str
    """One sentence that is safe to show to the caller."""
    status: int | None = None
    """The status the provider sent, where it sent one."""
    reached: bool = True
    """Whether the attempt got as far as a provider."""
    may_be_billed: bool | None = None
    """Whether money may have been spent; `None` leaves it to the cause."""
    retry_after: float | None = None
    """Seconds the provider asked to be left alone."""
    terminal: bool = False
    """Nothing may run after this one, anywhere in the tree."""
    skipped: bool = False
    """No attempt was made: the target is sick or busy, it asked to be left alone, or nothing may follow."""
    cut_short: bool = False
    """The attempt's own time limit ended it, which may have been shorter than any target takes."""
    code: str | None = None
    param: str | None = None
    provider_code: str | None = None

    @property
    def seen_status(self) -> int:
        """The status that `on_status_codes` sees."""
        if self.status is not None and self.cause in _STATUS_AS_SENT:
            return self.status
        return _SEEN_STATUS[self.cause]

    @property
    def billable(self) -> bool:
        """Whether this failed attempt may have been billed."""
        return self.cause.may_be_billed if self.may_be_billed is None else self.may_be_billed


Outcome = Success[Rep_co] | Failure


class Node(Protocol[Req_contra, Rep_co]):
    """Answers a request with an outcome; never raises for a failure it can name."""

    async def __call__(self, request: Req_contra, context: "Context", /) -> Outcome[Rep_co]:
        """Answer the request, within what the context still allows."""
        ...


@dataclass(slots=True, kw_only=True)
class Try:
    """One attempt at a leaf, as told afterwards in headers, logs and errors."""

    target: str
    started: float
    ended: float | None = None
    sent: bool = False
    """Set by the leaf once the first byte of the request was handed to the network."""
    outcome: Success[Any] | Failure | None = None


@dataclass(slots=True, kw_only=True)
class Journey:
    """The story of one request: what is shared by every node it passes, on every path."""

    rng: random.Random
    max_attempts: int | None = None
    attempts: list[Try] = field(default_factory=list)
    maybe_billed: int = 0
    """Failed attempts that may have been billed."""
    risked: float = 0.0
    """What was spent or may have been, in US dollars, at targets whose config limits it."""
    beside: int = 0
    """Targets that are being asked beside another one, which may be billed whatever becomes of it."""
    over: bool = False
    """Whether an attempt was the last there may be: what runs beside it may end, and nothing else begins."""
    patience: float = 2.0
    """Seconds that may still be spent on waiting for a turn at targets that are busy."""
    retries: int = 0
    """Retries of the leaf whose outcome is told; -1 when it gave up retrying."""
    gave_up: bool = False
    """Whether any leaf gave up retrying."""
    exhausted: dict[Hashable, Failure] = field(default_factory=dict)
    """Leaves that will not be entered again, with what they said."""
    passed_over: dict[str, Failure] = field(default_factory=dict)
    """Targets that were not tried, with why."""
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False, repr=False)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it runs in, whose clock it goes by; looked for once, as each time is a call of the system."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    @property
    def attempts_left(self) -> bool:
        """Whether `max_attempts` leaves room for one more attempt."""
        return self.leaves_room_for(1)

    def leaves_room_for(self, attempts: int) -> bool:
        """Whether `max_attempts` leaves room for so many more."""
        return self.max_attempts is None or len(self.attempts) + attempts <= self.max_attempts


@value()
class Context:
    """What a node may use up. Children get the same or less."""

    journey: Journey
    deadline: float
    """On the running loop's clock."""
    ways_out: tuple[Callable[[Failure], bool], ...] = ()
    """The rules of the enclosing fallbacks that still have an untried child."""
    attempt: Try | None = None
    """The attempt that is running, inside a leaf."""
    reserved: int = 0
    """Attempts that are kept for the untried siblings in the enclosing fallbacks."""
    again: bool = False
    """Whether the same leaf was tried before for the same request."""

    def until(self, deadline: float) -> "Context":
        """Return this context with an earlier deadline; a later one changes nothing."""
        if deadline >= self.deadline:
            return self
        return Context(self.journey, deadline, self.ways_out, self.attempt, self.reserved)

    def with_way_out(self, falls_through: Callable[[Failure], bool], untried: int = 0) -> "Context":
        """Return this context for a child that has so many untried siblings, or others to be chosen in its place."""
        return Context(
            self.journey, self.deadline, (*self.ways_out, falls_through), self.attempt, self.reserved + untried
        )

    def as_last_resort(self) -> "Context":
        """Return this context for a child that is not to be passed over, as that would lead nowhere."""
        ways_out = tuple(_but_for_skips(falls_through) for falls_through in self.ways_out)
        return Context(self.journey, self.deadline, ways_out, self.attempt, self.reserved)

    def within(self, attempt: Try) -> "Context":
        """Return this context for the leaf that makes the attempt."""
        return Context(self.journey, self.deadline, self.ways_out, attempt, self.reserved)

    def for_another_try(self) -> "Context":
        """Return this context for a leaf that has been tried."""
        return Context(self.journey, self.deadline, self.ways_out, self.attempt, self.reserved, again=True)

    def has_way_out(self, failure: Failure) -> bool:
        """Whether another target would be tried after this failure."""
        return any(falls_through(failure) for falls_through in self.ways_out)

    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - self.journey.loop.time()


def _but_for_skips(falls_through: Callable[[Failure], bool]) -> Callable[[Failure], bool]:
    return lambda failure: not failure.skipped and falls_through(failure)
