"""Shares requests out among targets by weight."""

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic

from strategies.node import Context, Node, Outcome, Rep_co, Req_contra


@dataclass(frozen=True, slots=True)
class LoadBalance(Generic[Req_contra, Rep_co]):
    """Picks one child at random, in proportion to its weight; weight 0 is never picked."""

    children: Sequence[Node[Req_contra, Rep_co]]
    weights: Sequence[float]
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
        return await self.children[self.pick(context.journey.rng.random())](request, context)

    def pick(self, draw: float) -> int:
        """Index of the child that a draw in [0, 1) falls on."""
        return bisect.bisect_right(self._bounds, draw * self._bounds[-1], hi=self._last)
