"""Around one attempt at a target: it is not made where the request would cost more than its config allows."""

from dataclasses import dataclass

from gateway.images import ImageReply, ImageRequest
from gateway.target.leaf import ImageTarget
from gateway.wire import Outcome
from strategies import Cause, Context, Failure, Node, Success

_CENT_FRACTION = 1e-9
"""Below any price: sums of binary fractions are not exact."""


@dataclass(frozen=True, slots=True, eq=False)
class Ceiling:
    """Passes its target over where what was spent, or may have been, leaves no room for one more attempt."""

    inner: Node[ImageRequest, ImageReply]
    target: ImageTarget
    usd: float

    async def __call__(self, request: ImageRequest, context: Context, /) -> Outcome:
        """Make the attempt, where there is room for what it may cost."""
        prepared = request.prepared or self.target.prepare(request)
        if isinstance(prepared, Failure):
            return prepared
        journey = context.journey
        price = self.target.estimate(prepared)
        refused = too_dear(self.target.spec.path, price, journey.risked, self.usd)
        if refused is not None:
            journey.passed_over[self.target.spec.path] = refused
            return refused
        most = price or 0.0
        journey.risked += most
        outcome: Outcome | None = None
        try:
            outcome = await self.inner(request.with_params(request.params, prepared), context)
        finally:
            journey.risked += _spent(outcome, most) - most
        return outcome


def too_dear(target: str, most: float | None, risked: float, ceiling: float) -> Failure | None:
    """Return why an attempt that costs so much at most may not be made, if it may not."""
    if most is not None and risked + most <= ceiling + _CENT_FRACTION:
        return None
    if most is None:
        why = f"nobody knows what {target} costs; add its model's price under `catalogue` in gateway.yaml"
    else:
        before = f", after ${risked:.4g} that was spent or may have been" if risked else ""
        why = f"{target} may cost ${most:.4g}{before}"
    return Failure(
        cause=Cause.BUDGET,
        code="max_cost_exceeded",
        message=f"the config allows ${ceiling:.4g} for a request (`max_cost_usd`), and {why}; "
        "ask for a smaller or plainer picture, or raise it",
        reached=False,
        may_be_billed=False,
        skipped=True,
    )


def _spent(outcome: Outcome | None, most: float) -> float:
    """Return what an attempt cost, or may have cost."""
    if isinstance(outcome, Success):
        cost = outcome.reply.cost_usd
        return most if cost is None else cost
    return 0.0 if outcome is not None and not outcome.billable else most
