"""Tries the same target again. The only file that knows tenacity, which it wraps completely."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic

import tenacity

from strategies.backoff import DEFAULT_BACKOFF, Backoff
from strategies.node import Cause, Context, Failure, Node, Outcome, Rep_co, Req_contra, Success
from strategies.retry_budget import RetryBudget

DEFAULT_CODES = frozenset({429, 500, 502, 503, 504, 529})
LONGEST_TOTAL_WAIT = 60.0
"""Seconds that all waits of one leaf may take together."""

_NEVER_AGAIN = frozenset({Cause.POLICY, Cause.BUDGET, Cause.DEADLINE, Cause.UNSUPPORTED})
_LONGEST_WAIT_WITH_ALTERNATIVE = 2.0
_TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class RetryRule:
    """What `retry:` in a config says."""

    attempts: int = 0
    """Retries after the first try."""
    on_status_codes: frozenset[int] = DEFAULT_CODES
    use_retry_after: bool = False
    backoff: Backoff = DEFAULT_BACKOFF

    def applies(self, failure: Failure) -> bool:
        """Whether the same target could answer differently next time."""
        if failure.cause in _NEVER_AGAIN:
            return False
        if failure.skipped and not (self.use_retry_after and failure.retry_after is not None):
            return False  # nobody knows how long it is to be left alone, or nobody wants to wait for that
        if failure.cause is Cause.AUTH and failure.seen_status == _TOO_MANY_REQUESTS:
            return False  # an exhausted quota is not a rate limit: it does not refill by waiting
        return failure.seen_status in self.on_status_codes


DEFAULT_RULE = RetryRule()


@dataclass(frozen=True, slots=True, eq=False)
class Retry(Generic[Req_contra, Rep_co]):
    """Tries a leaf up to `1 + attempts` times; an exhausted leaf is not entered again in the same request."""

    inner: Node[Req_contra, Rep_co]
    rule: RetryRule = DEFAULT_RULE
    budget_of: Callable[[Req_contra], RetryBudget] | None = None
    """What bounds the retries of all requests to the same target together."""

    async def __call__(self, request: Req_contra, context: Context, /) -> Outcome[Rep_co]:
        """Try until something else than a failure worth repeating comes back."""
        journey = context.journey
        said_before = journey.exhausted.get(self)
        if said_before is not None:
            return replace(said_before, reached=False)
        retries = 0
        outcome = await self.inner(request, context)
        if isinstance(outcome, Failure) and self.rule.attempts and self.rule.applies(outcome):
            outcome, retries = await self._again(request, context, outcome)
        journey.retries = retries
        if isinstance(outcome, Failure) and not outcome.skipped:
            journey.exhausted[self] = outcome
            if self.budget_of is not None and context.has_way_out(outcome):
                self.budget_of(request).spend(outcome)  # another target is asked next
        return outcome

    async def _again(self, request: Req_contra, context: Context, outcome: Failure) -> tuple[Outcome[Rep_co], int]:
        budget = None if self.budget_of is None else self.budget_of(request)
        course = _Course(self.rule, context, budget, made=not outcome.skipped)
        try:
            return await self._course(request, context, outcome, course)
        finally:
            course.settle()

    async def _course(
        self, request: Req_contra, context: Context, outcome: Outcome[Rep_co], course: "_Course"
    ) -> tuple[Outcome[Rep_co], int]:
        async for turn in tenacity.AsyncRetrying(
            retry=course.goes_on,
            wait=course.wait,
            stop=course.stops,
            sleep=asyncio.sleep,
            retry_error_callback=_outcome,
        ):
            # The first turn is the try already made: most requests succeed at once and never pay for tenacity.
            if turn.retry_state.attempt_number > 1 and isinstance(outcome, Failure):
                # Others of the same request may have made the last attempt there was while this one waited.
                if not context.journey.attempts_left:
                    outcome = replace(outcome, terminal=True)
                else:
                    again = context.for_another_try() if course.made else context
                    latest = await self.inner(request, again)
                    if isinstance(latest, Failure) and latest.skipped and course.made:
                        course.over = True  # it has been found sick meanwhile: what it said last stands
                        outcome = replace(outcome, terminal=latest.terminal)
                    else:
                        outcome = latest
                        course.made += not (isinstance(latest, Failure) and latest.skipped)
                course.settle(outcome)
            turn.retry_state.set_result(outcome)
        gave_up = isinstance(outcome, Failure) and not outcome.skipped and self.rule.applies(outcome)
        context.journey.gave_up |= gave_up
        return outcome, -1 if gave_up else max(course.made - 1, 0)


@dataclass(slots=True)
class _Course:
    """What tenacity asks after each try, in this order: whether to go on, how long to wait, whether to stop."""

    rule: RetryRule
    context: Context
    budget: RetryBudget | None
    made: int
    """Tries that were made; none, as long as the target is not to be asked yet."""
    over: bool = False
    permitted: Failure | None = None
    """The failure after which the budget has permitted another try that is not over yet."""

    def goes_on(self, state: tenacity.RetryCallState) -> bool:
        outcome = _outcome(state)
        if self.over or not isinstance(outcome, Failure) or outcome.terminal or not self.rule.applies(outcome):
            return False
        return not (outcome.skipped and self.context.has_way_out(outcome))

    def settle(self, outcome: Outcome[object] | None = None) -> None:
        """Tell the budget that the try it permitted is over, and whether it was worth it."""
        if self.budget is not None and self.permitted is not None:
            self.budget.over(self.permitted if isinstance(outcome, Success) else None)
        self.permitted = None

    def wait(self, state: tenacity.RetryCallState) -> float:
        failure = _outcome(state)
        rng = self.context.journey.rng
        asked = self._asked(failure)
        if asked is None:
            return self.rule.backoff.wait(failure, self.made - 1, rng)
        wait = self.rule.backoff.honour(asked, rng)
        return wait if self._fits(wait, state) else asked

    def stops(self, state: tenacity.RetryCallState) -> bool:
        journey = self.context.journey
        return (
            self.made > self.rule.attempts
            or not self._fits(state.upcoming_sleep, state)
            or not journey.leaves_room_for(1 + self.context.reserved)
            or not self._is_permitted(_outcome(state))
        )

    def _is_permitted(self, failure: Failure) -> bool:
        """Ask the budget last, as what it permits counts from now on, the wait included."""
        if self.budget is None:
            return True
        if not self.budget.permits(failure, asyncio.get_running_loop().time()):
            return False
        self.permitted = failure
        return True

    def _asked(self, failure: Failure) -> float | None:
        return failure.retry_after if self.rule.use_retry_after else None

    def _fits(self, wait: float, state: tenacity.RetryCallState) -> bool:
        failure = _outcome(state)
        longest = LONGEST_TOTAL_WAIT - state.idle_for
        if self._asked(failure) is not None and self.context.has_way_out(failure):
            longest = min(longest, _LONGEST_WAIT_WITH_ALTERNATIVE)
        return wait <= longest and wait < self.context.remaining()


def _outcome(state: tenacity.RetryCallState) -> Failure:
    assert state.outcome is not None  # tenacity asks only after a try  # noqa: S101
    outcome: Failure = state.outcome.result()
    return outcome
