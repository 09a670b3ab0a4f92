"""Time limits: of one attempt (`Timeout`) and of a whole subtree (`Deadline`)."""

from dataclasses import dataclass
from typing import Generic

from strategies.alarm import Until
from strategies.node import Cause, Context, Failure, Node, Outcome, Rep_co, Req_contra


@dataclass(frozen=True, slots=True)
class Timeout(Generic[Req_contra, Rep_co]):
    """Bounds one attempt by its own limit and by the deadline, whichever comes first."""

    inner: Node[Req_contra, Rep_co]
    seconds: float | None = None

    async def __call__(self, request: Req_contra, context: Context, /) -> Outcome[Rep_co]:
        """Run the attempt; its expiry is a failure, every other cancellation passes."""
        limit, loop = context.deadline, context.journey.loop
        if self.seconds is not None:
            limit = min(limit, loop.time() + self.seconds)
        with Until(limit, loop):
            return await self.inner(request, context)
        return self._expired(context, by_deadline=limit == context.deadline)

    def _expired(self, context: Context, *, by_deadline: bool) -> Failure:
        sent = context.attempt is not None and context.attempt.sent
        if by_deadline:
            return Failure(
                cause=Cause.DEADLINE,
                message="the request's deadline passed while a provider was still working on it",
                reached=sent,
                may_be_billed=sent,
            )
        if not sent:
            return Failure(
                cause=Cause.UNREACHABLE,
                message=f"no connection to the provider within {_spoken(self.seconds)}",
                reached=False,
                cut_short=True,
            )
        message = f"the provider did not answer within {_spoken(self.seconds)}"
        return Failure(cause=Cause.TIMEOUT, message=message, cut_short=True)


@dataclass(frozen=True, slots=True)
class Deadline(Generic[Req_contra, Rep_co]):
    """Gives a subtree less time than its parent has; the attempts inside keep to it."""

    inner: Node[Req_contra, Rep_co]
    seconds: float

    async def __call__(self, request: Req_contra, context: Context, /) -> Outcome[Rep_co]:
        """Run the subtree with the earlier of both deadlines."""
        return await self.inner(request, context.until(context.journey.loop.time() + self.seconds))


def _spoken(seconds: float | None) -> str:
    return f"{(seconds or 0) * 1000:.0f} ms"
