"""One try of a leaf: it is counted, told in the journey, and judged by the money rule."""

import math
from dataclasses import dataclass, replace
from typing import Generic

from strategies.node import Cause, Context, Failure, Journey, Node, Outcome, Rep_co, Req_contra, Try

BILLING = {"strict": 0.0, "once": 1.0, "any": math.inf}
"""How many continuations each `billing` word allows after attempts that may have been billed."""

_TOO_MUCH = Failure(
    cause=Cause.UNREACHABLE,
    message="other attempts at the same request have used up what `max_attempts` or `billing` allow",
    reached=False,
    may_be_billed=False,
    terminal=True,
    skipped=True,
)


@dataclass(frozen=True, slots=True)
class Attempt(Generic[Req_contra, Rep_co]):
    """Runs the leaf once and marks its failure terminal where money or numbers allow no other attempt."""

    target: str
    inner: Node[Req_contra, Rep_co]
    allowance: float = BILLING["once"]

    async def __call__(self, request: Req_contra, context: Context, /) -> Outcome[Rep_co]:
        """Make one attempt."""
        journey = context.journey
        loop = journey.loop
        now = loop.time()
        if now >= context.deadline:
            return Failure(
                cause=Cause.DEADLINE,
                message=f"the request's deadline passed before {self.target} could be tried",
                reached=False,
            )
        if self._is_too_much(journey):
            return _TOO_MUCH
        attempt = Try(target=self.target, started=now)
        journey.attempts.append(attempt)
        outcome: Outcome[Rep_co] | None = None
        try:
            outcome = await self.inner(request, context.within(attempt))
        finally:
            attempt.ended = loop.time()
            if outcome is None and attempt.sent:  # cancelled: the caller left, the provider may still bill
                journey.maybe_billed += 1
                journey.over |= journey.maybe_billed > self.allowance
        if isinstance(outcome, Failure):
            outcome = self._judge(outcome, context)
        attempt.outcome = outcome
        return outcome

    def _judge(self, failure: Failure, context: Context) -> Failure:
        journey = context.journey
        if failure.billable:
            journey.maybe_billed += 1
        spent = failure.billable and journey.maybe_billed > self.allowance
        if spent or not journey.attempts_left:
            journey.over = True
            return replace(failure, terminal=True)
        return failure

    def _is_too_much(self, journey: Journey) -> bool:
        """Whether what ran beside this, or still does, has made or may cost what was left."""
        if journey.over or not journey.attempts_left:
            return True
        return journey.beside > 0 and journey.maybe_billed + journey.beside > self.allowance
