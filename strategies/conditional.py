"""Chooses a target by what the request says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

from strategies.node import Cause, Context, Failure, Node, Outcome, Rep_co, Req_contra

NO_ROUTE = Failure(
    cause=Cause.INVALID,
    code="no_route",
    message="no condition of the config holds for this request, and its strategy has no `default`",
    reached=False,
)


@dataclass(frozen=True, slots=True)
class Branch(Generic[Req_contra, Rep_co]):
    """A condition and the node that answers where it holds."""

    holds: Callable[[Req_contra], bool]
    then: Node[Req_contra, Rep_co]


@dataclass(frozen=True, slots=True)
class Conditional(Generic[Req_contra, Rep_co]):
    """Lets the first branch whose condition holds answer; there is no second choice after a failure."""

    branches: Sequence[Branch[Req_contra, Rep_co]]
    default: Node[Req_contra, Rep_co] | None = None

    async def __call__(self, request: Req_contra, context: Context, /) -> Outcome[Rep_co]:
        """Choose and let the chosen answer."""
        for branch in self.branches:
            if branch.holds(request):
                return await branch.then(request, context)
        if self.default is not None:
            return await self.default(request, context)
        return NO_ROUTE
