"""Asks the next target too where the first is slow: the first picture wins, and both may be billed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic

from strategies.fallback import DEFAULT_RULE, Fallback, FallbackRule, more_telling
from strategies.health import Health
from strategies.node import Context, Failure, Node, Outcome, Rep_co, Req_contra, Success

_Told = tuple[Outcome[Rep_co], int]
"""An outcome, and the retries of the leaf that it came from."""


@dataclass(frozen=True, slots=True, eq=False)
class Hedge(Generic[Req_contra, Rep_co]):
    """Runs `first`, and beside it `second` once `first` takes longer than it should; falls back like a fallback."""

    first: Node[Req_contra, Rep_co]
    second: Node[Req_contra, Rep_co]
    after: Callable[[Req_contra], float | None]
    """Seconds until `second` is asked as well; `None`: not for this request."""
    health_of: Callable[[Req_contra], Health]
    """Of the first target: its budget bounds the hedges."""
    rule: FallbackRule = DEFAULT_RULE
    allowance: float = 1.0
    """Failed attempts that may have been billed, as `billing` counts them; the slow one is counted already."""
    beyond: int = 0
    """Targets that `second` stands for, besides its first."""

    async def __call__(self, request: Req_contra, context: Context, /) -> Outcome[Rep_co]:
        """Return the first success, or the more telling of two failures."""
        seconds = self.after(request)
        if seconds is None:
            return await self._as_fallback(request, context)
        inside = context.with_way_out(self.rule.falls_through, 1 + self.beyond)
        first = asyncio.ensure_future(_run(self.first, request, inside))
        try:
            await asyncio.wait([first], timeout=seconds)
            told = None if first.done() else await self._race(first, request, context)
            if told is None:
                told = await self._in_turn(await first, request, context)
        finally:
            await _end(first)
        context.journey.retries = told[1]
        return told[0]

    async def _as_fallback(self, request: Req_contra, context: Context) -> Outcome[Rep_co]:
        return await Fallback((self.first, self.second), self.rule, self.beyond)(request, context)

    async def _in_turn(self, told: _Told[Rep_co], request: Req_contra, context: Context) -> _Told[Rep_co]:
        """Go on where the first has ended, as a fallback does."""
        outcome = told[0]
        if isinstance(outcome, Success) or not self.rule.falls_through(outcome):
            return told
        if outcome.skipped:  # it has its turn again, should the second be passed over too
            return await self._as_fallback(request, context), context.journey.retries
        outside = context if context.has_way_out(outcome) else context.as_last_resort()
        return _of_two(told, await _run(self.second, request, outside))

    async def _race(
        self, first: "asyncio.Future[_Told[Rep_co]]", request: Req_contra, context: Context
    ) -> _Told[Rep_co] | None:
        """Return what came of both; `None` where the first is alone after all."""
        journey, budget = context.journey, self.health_of(request).budget
        if not journey.attempts_left or journey.maybe_billed + journey.beside + 1 > self.allowance:
            return None
        if not budget.permits_hedge(asyncio.get_running_loop().time()):
            return None
        # A second that is sick is not worth asking while the first may still answer.
        beside = context.with_way_out(lambda _: not first.done())
        second = asyncio.ensure_future(_run(self.second, request, beside))
        try:
            journey.beside += 1
            try:
                await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
            finally:
                journey.beside -= 1
            return await self._decide(first, second)
        finally:
            budget.over()
            await _end(second)

    async def _decide(
        self, first: "asyncio.Future[_Told[Rep_co]]", second: "asyncio.Future[_Told[Rep_co]]"
    ) -> _Told[Rep_co] | None:
        won = next(
            (one.result() for one in (first, second) if one.done() and isinstance(one.result()[0], Success)), None
        )
        if won is not None:
            return won
        if first.done():
            told = first.result()
            if isinstance(told[0], Failure) and not (told[0].terminal or self.rule.falls_through(told[0])):
                return told
            later = await second
            return None if isinstance(later[0], Failure) and later[0].skipped else _of_two(told, later)
        told = second.result()
        # Whatever the second said, the first is as good as paid for: it may end.
        return None if isinstance(told[0], Failure) and told[0].skipped else _of_two(told, await first)


async def _run(node: Node[Req_contra, Rep_co], request: Req_contra, context: Context) -> _Told[Rep_co]:
    outcome = await node(request, context)
    return outcome, context.journey.retries


def _of_two(told: _Told[Rep_co], later: _Told[Rep_co]) -> _Told[Rep_co]:
    one, other = told[0], later[0]
    if isinstance(one, Success) or isinstance(other, Success):
        return later
    telling = more_telling(one, other)
    terminal = one.terminal or other.terminal
    return replace(telling, terminal=terminal), (told if telling is one else later)[1]


async def _end(task: "asyncio.Future[_Told[Rep_co]]") -> None:
    """Cancel what nobody waits for any more, and see it end."""
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
