"""Tries the same target again. The only file that knows tenacity, which it wraps completely."""

import asyncio
from dataclasses import dataclass
from typing import Generic

import tenacity

from strategies.backoff import DEFAULT_BACKOFF, Backoff
from strategies.node import Cause, Context, Failure, Node, Rep_co, Req_contra, Success

DEFAULT_CODES = frozenset({429, 500, 502, 503, 504, 529})

_NEVER_AGAIN = frozenset({Cause.POLICY, Cause.BUDGET, Cause.DEADLINE, Cause.UNSUPPORTED})
_LONGEST_TOTAL_WAIT = 60.0
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
        if failure.terminal or failure.cause in _NEVER_AGAIN:
            return False
        if failure.cause is Cause.AUTH and failure.seen_status == _TOO_MANY_REQUESTS:
            return False  # an exhausted quota is not a rate limit: it does not refill by waiting
        return failure.seen_status in self.on_status_codes


DEFAULT_RULE = RetryRule()


@dataclass(frozen=True, slots=True, eq=False)
class Retry(Generic[Req_contra, Rep_co]):
    """Tries a leaf up to `1 + attempts` times; an exhausted leaf is not entered again in the same request."""

    inner: Node[Req_contra, Rep_co]
    rule: RetryRule = DEFAULT_RULE

    async def __call__(self, request: Req_contra, context: Context, /) -> Success[Rep_co] | Failure:
        """Try until something else than a failure worth repeating comes back."""
        journey = context.journey
        said_before = journey.exhausted.get(self)
        if said_before is not None:
            return said_before
        journey.retries = 0
        outcome = await self.inner(request, context)
        if isinstance(outcome, Failure):
            if self.rule.attempts and self.rule.applies(outcome):
                outcome = await self._again(request, context, outcome)
            if isinstance(outcome, Failure):
                journey.exhausted[self] = outcome
        return outcome

    async def _again(self, request: Req_contra, context: Context, first: Failure) -> Success[Rep_co] | Failure:
        course = _Course(self.rule, context)

        async def attempt() -> Success[Rep_co] | Failure:
            nonlocal first
            if course.retries < 0:
                course.retries = 0
                return first  # the try that was made before tenacity was asked
            course.retries += 1
            return await self.inner(request, context)

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_result(course.goes_on),
            stop=course.stops,
            wait=course.wait,
            sleep=asyncio.sleep,
            retry_error_callback=_last_outcome,
        )
        outcome: Success[Rep_co] | Failure = await retrying(attempt)
        gave_up = isinstance(outcome, Failure) and (outcome.terminal or self.rule.applies(outcome))
        context.journey.retries = -1 if gave_up else course.retries
        return outcome


class _Course:
    """The state of one run of retries: how many, how long waited, how long to wait next."""

    def __init__(self, rule: RetryRule, context: Context) -> None:
        self.retries = -1
        self._rule = rule
        self._context = context
        self._waited = 0.0
        self._next = 0.0

    def goes_on(self, outcome: object) -> bool:
        return isinstance(outcome, Failure) and self._rule.applies(outcome)

    def stops(self, state: tenacity.RetryCallState) -> bool:
        if self.retries >= self._rule.attempts:
            return True
        failure = _last_outcome(state)
        rng = self._context.journey.rng
        if self._rule.use_retry_after and failure.retry_after is not None:
            self._next = self._rule.backoff.honour(failure.retry_after, rng)
            if self._next > _LONGEST_WAIT_WITH_ALTERNATIVE and self._context.has_way_out(failure):
                return True
        else:
            self._next = self._rule.backoff.wait(failure, self.retries, rng)
        return self._waited + self._next > _LONGEST_TOTAL_WAIT or self._next >= self._context.remaining()

    def wait(self, _: tenacity.RetryCallState) -> float:
        self._waited += self._next
        return self._next


def _last_outcome(state: tenacity.RetryCallState) -> Failure:
    assert state.outcome is not None  # tenacity asks only after a try  # noqa: S101
    failure: Failure = state.outcome.result()
    return failure
