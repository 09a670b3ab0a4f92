"""Lets requests through to a target that is well: one that is sick, busy or asked to be left alone is passed over."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from strategies.breaker import Lease
from strategies.health import Health
from strategies.node import Cause, Context, Failure, Node, Outcome, Rep_co, Req_contra

_LEASE_MARGIN = 5.0


@dataclass(frozen=True, slots=True)
class Gate(Generic[Req_contra, Rep_co]):
    """Stands before the attempts at one target; a request that is turned away has made none."""

    target: str
    inner: Node[Req_contra, Rep_co]
    health_of: Callable[[Req_contra], Health]

    async def __call__(self, request: Req_contra, context: Context, /) -> Outcome[Rep_co]:
        """Make the attempt, unless the target is better left alone and something else can be tried."""
        health, loop = self.health_of(request), context.journey.loop
        slots, outcome = health.slots, None
        if slots is not None:
            barred = self._barred(health, context, loop.time())
            if barred is None and not await _enters(slots, context):
                barred = self._passed_over(_busy(self.target), context)
            if barred is not None:
                return barred
        try:
            began = loop.time()
            # While this one waited for its turn, another may have been told to leave the target alone.
            lease = self._barred(health, context, began) or self._leave_for(health, context, began)
            if isinstance(lease, Failure):
                return lease
            health.begin(began, again=context.again)
            try:
                outcome = await self.inner(request, context)
            finally:
                now = loop.time()
                well = health.end(outcome, now - began, now, again=context.again)
                health.breaker.leave(lease, now, context.journey.rng, well=well)
            return outcome
        finally:
            if slots is not None:
                slots.release()

    def _barred(self, health: Health, context: Context, now: float) -> Failure | None:
        if now >= health.throttled or context.again:  # a retry has waited for as long as its rule says
            return None
        return self._passed_over(_throttled(self.target, health.throttled - now), context)

    def _leave_for(self, health: Health, context: Context, now: float) -> Lease | Failure:
        """Return the breaker's leave, which it gives wherever nothing else can be tried."""
        lease = health.breaker.enter(now, context.deadline + _LEASE_MARGIN)
        if lease is None:
            sick = _sick(self.target)
            if context.has_way_out(sick):
                return self._passed_over(sick, context)
            lease = health.breaker.bypass()
        passed_over = context.journey.passed_over
        if passed_over:
            passed_over.pop(self.target, None)  # it has its turn after all
        return lease

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
    loop = journey.loop
    began = loop.time()
    try:
        async with asyncio.timeout(min(journey.patience, context.remaining())):
            await slots.acquire()
    except TimeoutError:
        return False
    finally:
        journey.patience -= loop.time() - began
    return True


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
