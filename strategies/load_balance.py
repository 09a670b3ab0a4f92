"""Shares requests out among targets: by weight, by how they do, or by whom they are for."""

import bisect
import hashlib
import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic

from strategies.node import Context, Failure, Node, Outcome, Rep_co, Req_contra

_DRAWS = 1 << 64


@dataclass(frozen=True, slots=True)
class Preference(Generic[Req_contra]):
    """Which of the children does best: the one with the lowest score among those that are looked at."""

    score: Callable[[Req_contra, int], float]
    looks_at: int | None = None
    """How many children are drawn by weight and compared; `None`: all of them."""


@dataclass(frozen=True, slots=True)
class LoadBalance(Generic[Req_contra, Rep_co]):
    """Picks one child at random, in proportion to its weight; weight 0 is never picked.

    A child that is passed over makes room for the others, in proportion to theirs; where all are, all may be tried.
    """

    children: Sequence[Node[Req_contra, Rep_co]]
    weights: Sequence[float]
    preference: Preference[Req_contra] | None = None
    pin: Callable[[Req_contra], str | None] | None = None
    """What decides in place of chance, where it says anything: the same word leads to the same child."""
    _bounds: list[float] = field(init=False, repr=False)
    _last: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Sum the weights up once."""
        if len(self.weights) != len(self.children) or any(not 0 <= weight < math.inf for weight in self.weights):
            raise ValueError("each child needs one finite weight that is not negative")
        bounds = list(itertools.accumulate(self.weights))
        if not bounds or not 0 < bounds[-1] < math.inf:
            raise ValueError("the weights of a load balance must have a positive, finite sum")
        object.__setattr__(self, "_bounds", bounds)
        object.__setattr__(self, "_last", bounds.index(bounds[-1]))  # the last child that has any weight

    async def __call__(self, request: Req_contra, context: Context, /) -> Outcome[Rep_co]:
        """Let the picked child answer."""
        rng = context.journey.rng
        pinned = None if self.pin is None else self.pin(request)
        left = [index for index, weight in enumerate(self.weights) if weight]
        first = self._choose(request, left, rng, pinned)
        if len(left) == 1:
            return await self.children[first](request, context)
        outcome = await self.children[first](request, context.with_way_out(_is_skipped))
        if _passed_over(outcome):
            left.remove(first)
            return await self._others(request, context, outcome, left, pinned, first)
        return outcome

    def pick(self, draw: float) -> int:
        """Index of the child that a draw in [0, 1) falls on."""
        return bisect.bisect_right(self._bounds, draw * self._bounds[-1], hi=self._last)

    async def _others(
        self,
        request: Req_contra,
        context: Context,
        outcome: Outcome[Rep_co],
        left: list[int],
        pinned: str | None,
        first: int,
    ) -> Outcome[Rep_co]:
        """Go on among those that were not passed over; where all were, with whoever may be asked first."""
        waits = {first: _wait(outcome)}
        while left:
            index = self._choose(request, left, context.journey.rng, pinned)
            left.remove(index)
            outcome = await self.children[index](request, context.with_way_out(_is_skipped))
            if not _passed_over(outcome):
                return outcome
            waits[index] = _wait(outcome)
        if isinstance(outcome, Failure) and context.has_way_out(outcome):
            return outcome
        for index in sorted(waits, key=waits.__getitem__):  # of equals, in the order in which they were picked
            outcome = await self.children[index](request, context)
            if not _passed_over(outcome):
                break
        return outcome

    def _choose(self, request: Req_contra, left: list[int], rng: random.Random, pinned: str | None) -> int:
        if pinned is not None:
            return min(left, key=lambda index: _distance(pinned, index) / self.weights[index])
        if self.preference is None:
            return self._drawn(left, rng)
        most = self.preference.looks_at or len(left)
        waiting = [*left]
        drawn: list[int] = []
        while waiting and len(drawn) < most:
            drawn.append(self._drawn(waiting, rng))
            waiting.remove(drawn[-1])
        score = self.preference.score
        return min(drawn, key=lambda index: score(request, index))

    def _drawn(self, left: list[int], rng: random.Random) -> int:
        if len(left) == len(self.children):
            return self.pick(rng.random())
        bounds = list(itertools.accumulate(self.weights[index] for index in left))
        return left[bisect.bisect_right(bounds, rng.random() * bounds[-1], hi=len(left) - 1)]


def _distance(word: str, index: int) -> float:
    """Return how far a child is from a word, at random but always the same; exponential, so that weights hold."""
    digest = hashlib.sha256(f"{index}:{word}".encode()).digest()
    return -math.log((int.from_bytes(digest[:8]) + 1) / (_DRAWS + 1))


def _passed_over(outcome: Outcome[object]) -> bool:
    return isinstance(outcome, Failure) and outcome.skipped and not outcome.terminal


def _wait(outcome: Outcome[object]) -> float:
    """Return for how long a child is not to be asked."""
    return (isinstance(outcome, Failure) and outcome.retry_after) or 0.0


def _is_skipped(failure: Failure) -> bool:
    return failure.skipped
