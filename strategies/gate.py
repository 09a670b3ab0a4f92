"""Lets requests through to a target that is well: one that is sick, busy or asked to be left alone is passed over."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from strategies.health import Health
from strategies.node import Cause, Context, Failure, Node, Outcome, Rep_co, Req_contra, Success
from strategies.retry_budget import RetryBudget

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
        passed_over = self._barred(health, context)
        if passed_over is not None or health.slots is None:
            return passed_over or await self._admitted(request, context, health)
        if not await _enters(health.slots, context):
            return self._passed_over(_busy(self.target), context)
        try:
            # While this one waited, another may have been told to leave the target alone.
            return self._barred(health, context) or await self._admitted(request, context, health)
        finally:
            health.slots.release()

    def _barred(self, health: Health, context: Context) -> Failure | None:
        seconds = health.throttled - asyncio.get_running_loop().time()
        if seconds <= 0 or context.again:  # a retry has waited for as long as its rule says
            return None
        return self._passed_over(_throttled(self.target, seconds), context)

    async def _admitted(self, request: Req_contra, context: Context, health: Health) -> Outcome[Rep_co]:
        """Make the attempt with the breaker's leave."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        lease = health.breaker.enter(began, context.deadline + _LEASE_MARGIN)
        if lease is None:
            sick = _sick(self.target)
            if context.has_way_out(sick):
                return self._passed_over(sick, context)
            lease = health.breaker.bypass()
        if context.journey.passed_over:
            context.journey.passed_over.pop(self.target, None)  # it has its turn after all
        well: bool | None = None
        outcome: Outcome[Rep_co] | None = None
        try:
            outcome = await self._attempt(request, context, health)
            if isinstance(outcome, Success):
                well = True
            elif health.counts(outcome, loop.time() - began):
                well = False
        finally:
            now = loop.time()
            _note(health, outcome, now - began, now)
            health.breaker.leave(lease, now, context.journey.rng, well=well)
        return outcome

    async def _attempt(self, request: Req_contra, context: Context, health: Health) -> Outcome[Rep_co]:
        health.in_flight += 1
        try:
            if context.again:
                return await self.inner(request, context)
            return await self._first_try(request, context, health.budget)
        finally:
            health.in_flight -= 1

    async def _first_try(self, request: Req_contra, context: Context, budget: RetryBudget) -> Outcome[Rep_co]:
        well = False
        budget.begin(asyncio.get_running_loop().time())
        try:
            outcome = await self.inner(request, context)
            well = isinstance(outcome, Success)
        finally:
            budget.end(well=well)
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


def _note(health: Health, outcome: Outcome[object] | None, seconds: float, now: float) -> None:
    """Tell what came of an attempt; `None`: it was cancelled."""
    if isinstance(outcome, Success):
        health.measure(seconds, now)
        return
    health.miss(seconds, now, outcome)
    if outcome is not None:
        health.heed(outcome, now)


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
