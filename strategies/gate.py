"""Lets requests through to a target that is well: one that is sick, busy or asked to be left alone is passed over."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from strategies.health import Health
from strategies.node import Cause, Context, Failure, Node, Outcome, Rep_co, Req_contra, Success

_LEASE_MARGIN = 5.0


@dataclass(frozen=True, slots=True)
class Gate(Generic[Req_contra, Rep_co]):
    """Stands before the attempts at one target; a request that is turned away has made none."""

    target: str
    inner: Node[Req_contra, Rep_co]
    health_of: Callable[[Req_contra], Health]

    async def __call__(self, request: Req_contra, context: Context, /) -> Outcome[Rep_co]:
        """Make the attempt, unless the target is better left alone and something else can be tried."""
        health = self.health_of(request)
        slots = health.slots
        if slots is None:
            return self._barred(health, context) or await self._admitted(request, context, health)
        barred = self._barred(health, context)
        if barred is not None:
            return barred
        if not await _enters(slots, context):
            return self._passed_over(_busy(self.target), context)
        try:
            # While this one waited, another may have been told to leave the target alone.
            return self._barred(health, context) or await self._admitted(request, context, health)
        finally:
            slots.release()

    def _barred(self, health: Health, context: Context) -> Failure | None:
        seconds = health.throttled - asyncio.get_running_loop().time()
        if seconds <= 0 or context.again:  # a retry has waited for as long as its rule says
            return None
        return self._passed_over(_throttled(self.target, seconds), context)

    async def _admitted(self, request: Req_contra, context: Context, health: Health) -> Outcome[Rep_co]:
        """Make the attempt with the breaker's leave."""
        loop, journey, breaker = asyncio.get_running_loop(), context.journey, health.breaker
        began = loop.time()
        lease = breaker.enter(began, context.deadline + _LEASE_MARGIN)
        if lease is None:
            sick = _sick(self.target)
            if context.has_way_out(sick):
                return self._passed_over(sick, context)
            lease = breaker.bypass()
        if journey.passed_over:
            journey.passed_over.pop(self.target, None)  # it has its turn after all
        budget = None if context.again else health.budget
        if budget is not None:
            budget.begin(began)
        health.in_flight += 1
        outcome: Outcome[Rep_co] | None = None
        try:
            outcome = await self.inner(request, context)
        finally:
            health.in_flight -= 1
            now = loop.time()
            well = _note(health, outcome, now - began, now)
            if budget is not None:
                budget.end(well=well is True)
            breaker.leave(lease, now, journey.rng, well=well)
        return outcome

    def _passed_over(self, failure: Failure, context: Context) -> Failure:
        context.journey.passed_over[self.target] = failure
        return failure


async def _enters(slots: asyncio.Semaphore, context: Context) -> bool:
    """Wait for a turn, where nothing else can be tried, for a short while: not longer at all targets together."""
    if not slots.locked():
        await slots.acquire()  # at once
        return True
    journey = context.journey
    if journey.patience <= 0 or context.has_way_out(_busy("")):
        return False
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(min(journey.patience, context.remaining())):
            await slots.acquire()
    except TimeoutError:
        return False
    finally:
        journey.patience -= loop.time() - began
    return True


def _note(health: Health, outcome: Outcome[object] | None, seconds: float, now: float) -> bool | None:
    """Tell what came of an attempt, `None` if it was cancelled; return whether the target is well, where that shows."""
    if isinstance(outcome, Success):
        health.measure(seconds, now)
        return True
    well = False if outcome is not None and health.counts(outcome, seconds) else None
    health.miss(seconds, now, outcome)
    if outcome is not None:
        health.heed(outcome, now)
    return well


def _throttled(target: str, seconds: float) -> Failure:
    return Failure(
        cause=Cause.RATE_LIMITED,
        message=f"the target {target} asked to be left alone for another {math.ceil(seconds)} s",
        reached=False,
        may_be_billed=False,
        retry_after=seconds,
        skipped=True,
    )


def _sick(target: str) -> Failure:
    return Failure(
        cause=Cause.UNREACHABLE,
        message=f"the target {target} keeps failing and is left alone for a while (its circuit breaker is open)",
        reached=False,
        may_be_billed=False,
        skipped=True,
    )


def _busy(target: str) -> Failure:
    return Failure(
        cause=Cause.UNREACHABLE,
        message=f"the target {target} has as many requests under way as it may; send it again later",
        reached=False,
        may_be_billed=False,
        code="overloaded",
        skipped=True,
    )
