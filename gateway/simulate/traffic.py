"""The requests of a simulation, in the order in which they come, each made when it is its turn."""

import bisect
import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.images import ImageRequest, InMemory, Operation, Upload
from gateway.secret import Secret
from strategies import value

PATHS: Mapping[Operation, str] = {
    "generate": "/v1/images/generations",
    "edit": "/v1/images/edits",
    "vary": "/v1/images/variations",
}
_CALLERS_KEY = Secret("stands-for-the-key-that-the-caller-would-send")
_SIDE = 1024
NEW_YEAR = 1_767_225_600.0
"""When a simulation begins that says nothing of it: 1 January 2026, in seconds since 1970."""


@value()
class Arrival:
    """One request, and when it comes."""

    at: float
    request: ImageRequest
    seconds: float | None = None
    """What its caller allows it."""
    kind: int | None = None
    """What it shares with others that only their prompts tell from it."""


class Traffic(Protocol):
    """Where the requests come from."""

    @property
    def most(self) -> int | None:
        """How many there are, where they have an end."""
        ...

    @property
    def began(self) -> float:
        """When the first one comes, in seconds since 1970."""
        ...

    def arrivals(self, requests: int, seed: int) -> Iterator[Arrival]:
        """Yield the first so many."""
        ...

    def lasts(self, requests: int) -> float:
        """Return about how many seconds it takes until so many have come."""
        ...

    def at_once(self, seconds: float, requests: int) -> float:
        """Return about how many come within so many seconds, when most do."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One entry of `mix`."""

    request: Mapping[str, Any]
    share: float = 1.0
    metadata: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    operation: Operation = "generate"
    distinct: int | None = None
    """How many different requests there are; `None`: no two are the same."""
    seconds: float | None = None
    """What callers allow."""

    def made(self, number: int) -> ImageRequest:
        """Return the request of that number."""
        params = dict(self.request)
        if isinstance(params.get("prompt"), str):
            params["prompt"] = f"{params['prompt']} ({number})"
        if self.operation != "generate":
            params["image"] = [picture(number)]
        return ImageRequest(
            params=params,
            path=PATHS[self.operation],
            metadata=self.metadata,
            headers=self.headers,
            credential=_CALLERS_KEY,
        )


@dataclass(frozen=True, slots=True)
class Written:
    """Traffic that somebody thought of: so many requests a second, of these kinds."""

    rate: Sequence[tuple[float, float]]
    """From when on how many come in a second; the first from 0 on."""
    mix: Sequence[Kind]
    even: bool = False
    """Whether they come evenly; else by chance, as callers do who know nothing of each other."""
    began: float = NEW_YEAR
    most: int | None = None

    def arrivals(self, requests: int, seed: int) -> Iterator[Arrival]:
        """Yield the first so many."""
        rng = random.Random(f"{seed}/arrivals")  # noqa: S311 - the same each time is its point
        bounds = list(itertools.accumulate(kind.share for kind in self.mix))
        last = bounds.index(bounds[-1])
        due = 0.0
        clock = _Clock(self.rate)
        for number in range(requests):
            if number or not self.even:
                due += 1.0 if self.even else rng.expovariate(1.0)
            index = bisect.bisect_right(bounds, rng.uniform(0.0, bounds[-1]), hi=last)
            kind = self.mix[index]
            which = number if kind.distinct is None else rng.randrange(kind.distinct)
            yield Arrival(clock.when(due), kind.made(which + 1), kind.seconds, index)

    def lasts(self, requests: int) -> float:
        """Return about how many seconds it takes until so many have come."""
        return _Clock(self.rate).when(float(requests))

    def at_once(self, seconds: float, requests: int) -> float:
        """Return about how many come within so many seconds, when most do."""
        return min(max(rate for _, rate in self.rate) * seconds, requests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request as a log tells of it; pictures that came with it are not recorded."""

    at: float
    """In seconds since 1970."""
    number: int
    prompt: str | None
    model: str | None
    size: str | None
    pictures: int
    operation: Operation
    metadata: Mapping[str, str]

    def made(self) -> ImageRequest:
        """Return the request; one whose prompt nobody knows is like no other."""
        params: dict[str, Any] = {"prompt": self.prompt or f"request {self.number}"}
        given = {"model": self.model, "size": self.size, "n": self.pictures if self.pictures > 1 else None}
        params |= {name: item for name, item in given.items() if item is not None}
        if self.operation != "generate":
            params["image"] = [picture(self.number)]
        return ImageRequest(params=params, path=PATHS[self.operation], metadata=self.metadata, credential=_CALLERS_KEY)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Traffic as it came once, from a log."""

    rows: Sequence[Row]
    """In their order."""
    began: float

    @property
    def most(self) -> int | None:
        """How many there are."""
        return len(self.rows)

    def arrivals(self, requests: int, seed: int) -> Iterator[Arrival]:  # noqa: ARG002 - what was recorded is no chance
        """Yield the first so many."""
        for row in self.rows[:requests]:
            yield Arrival(row.at - self.began, row.made())

    def lasts(self, requests: int) -> float:
        """Return when the last of them comes."""
        return self.rows[min(requests, len(self.rows)) - 1].at - self.began

    def at_once(self, seconds: float, requests: int) -> float:
        """Return how many come within so many seconds, when most do."""
        times = [row.at for row in self.rows[:requests]]
        return max(index + 1 - bisect.bisect_left(times, at - seconds) for index, at in enumerate(times))


class _Clock:
    """Says when so many requests have come, asked in their order."""

    def __init__(self, rate: Sequence[tuple[float, float]]) -> None:
        self._stretches = iter([*rate, (math.inf, 0.0)])
        self._from, self._rate = next(self._stretches)
        self._until, self._next = next(self._stretches)
        self._before = 0.0

    def when(self, count: float) -> float:
        while not self._rate or self._before + (self._until - self._from) * self._rate < count:
            self._before += (self._until - self._from) * self._rate
            self._from, self._rate = self._until, self._next
            self._until, self._next = next(self._stretches)
        if count <= self._before:
            return self._from
        return self._from + (count - self._before) / self._rate


def picture(number: int) -> Upload:
    """Return what stands for a picture to work on: nobody looks at it, but no two are the same."""
    return Upload(content=InMemory(b"%d" % number), format="png", width=_SIDE, height=_SIDE)
