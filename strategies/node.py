"""The one protocol everything here speaks: a node answers a request with an outcome."""

import asyncio
import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

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


@dataclass(frozen=True, slots=True)
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
    retries: int = 0
    """Retries of the leaf whose outcome is told; -1 when it gave up retrying."""
    gave_up: bool = False
    """Whether any leaf gave up retrying."""
    exhausted: dict[Hashable, Failure] = field(default_factory=dict)
    """Leaves that will not be entered again, with what they said."""

    @property
    def attempts_left(self) -> bool:
        """Whether `max_attempts` leaves room for one more attempt."""
        return self.max_attempts is None or len(self.attempts) < self.max_attempts


@dataclass(frozen=True, slots=True)
class Context:
    """What a node may use up. Children get the same or less."""

    journey: Journey
    deadline: float
    """On the running loop's clock."""
    ways_out: tuple[Callable[[Failure], bool], ...] = ()
    """The rules of the enclosing fallbacks that still have an untried child."""
    attempt: Try | None = None
    """The attempt that is running, inside a leaf."""

    def until(self, deadline: float) -> "Context":
        """Return this context with an earlier deadline; a later one changes nothing."""
        if deadline >= self.deadline:
            return self
        return Context(self.journey, deadline, self.ways_out, self.attempt)

    def with_way_out(self, falls_through: Callable[[Failure], bool]) -> "Context":
        """Return this context for a child that has an untried sibling."""
        return Context(self.journey, self.deadline, (*self.ways_out, falls_through), self.attempt)

    def within(self, attempt: Try) -> "Context":
        """Return this context for the leaf that makes the attempt."""
        return Context(self.journey, self.deadline, self.ways_out, attempt)

    def has_way_out(self, failure: Failure) -> bool:
        """Whether another target would be tried after this failure."""
        return any(falls_through(failure) for falls_through in self.ways_out)

    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - asyncio.get_running_loop().time()
