"""Tries targets in order until one answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from strategies.node import Cause, Context, Failure, Node, Rep_co, Req_contra, Success, more_telling

_STAYS = frozenset({Cause.POLICY, Cause.BUDGET, Cause.DEADLINE})


@dataclass(frozen=True, slots=True)
class FallbackRule:
    """What makes a fallback move on: the codes and causes it lists, or every outage when it lists none."""

    on_status_codes: frozenset[int] | None = None
    on_causes: frozenset[Cause] | None = None

    def falls_through(self, failure: Failure) -> bool:
        """Whether the next target should be tried."""
        if failure.terminal:
            return False
        if self.on_causes is not None and failure.cause in self.on_causes:
            return True
        if failure.cause in _STAYS:
            return False  # a moderated prompt is not shopped around by a rule meant for outages
        if self.on_status_codes is not None:
            return failure.seen_status in self.on_status_codes
        return self.on_causes is None


DEFAULT_RULE = FallbackRule()


@dataclass(frozen=True, slots=True)
class Fallback(Generic[Req_contra, Rep_co]):
    """Asks its children in order."""

    children: Sequence[Node[Req_contra, Rep_co]]
    rule: FallbackRule = DEFAULT_RULE

    async def __call__(self, request: Req_contra, context: Context, /) -> Success[Rep_co] | Failure:
        """Return the first success, or the most telling failure."""
        told: Failure | None = None
        last = len(self.children) - 1
        with_way_out = context.with_way_out(self.rule.falls_through) if last else context
        for index, child in enumerate(self.children):
            outcome = await child(request, context if index == last else with_way_out)
            if isinstance(outcome, Success):
                return outcome
            told = more_telling(told, outcome)
            if not self.rule.falls_through(outcome):
                break
        assert told is not None  # a fallback without children is refused when it is read  # noqa: S101
        return told
