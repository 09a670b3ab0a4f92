"""Tries targets in order until one answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic

from strategies.node import Cause, Context, Failure, Node, Outcome, Rep_co, Req_contra, Success

_STAYS = frozenset({Cause.POLICY, Cause.BUDGET, Cause.DEADLINE})
"""What ends the chain unless it is listed."""


@dataclass(frozen=True, slots=True)
class FallbackRule:
    """What makes a fallback move on: the codes and causes it lists, or nearly every failure when it lists none."""

    on_status_codes: frozenset[int] | None = None
    on_causes: frozenset[Cause] | None = None

    def falls_through(self, failure: Failure) -> bool:
        """Whether the next target should be tried."""
        if failure.terminal:
            return False
        if self.on_status_codes is None and self.on_causes is None:
            return failure.cause not in _STAYS
        if self.on_causes is not None and failure.cause in self.on_causes:
            return True
        if self.on_status_codes is None or failure.cause is Cause.POLICY:
            return False  # a moderated prompt is not shopped around by a rule meant for outages
        return failure.seen_status in self.on_status_codes


DEFAULT_RULE = FallbackRule()


@dataclass(frozen=True, slots=True)
class Fallback(Generic[Req_contra, Rep_co]):
    """Asks its children in order."""

    children: Sequence[Node[Req_contra, Rep_co]]
    rule: FallbackRule = DEFAULT_RULE

    async def __call__(self, request: Req_contra, context: Context, /) -> Outcome[Rep_co]:
        """Return the first success, or the most telling failure."""
        journey = context.journey
        told: Failure | None = None
        retries = 0
        last = len(self.children) - 1
        with_way_out = context.with_way_out(self.rule.falls_through) if last else context
        for index, child in enumerate(self.children):
            outcome = await child(request, context if index == last else with_way_out)
            if isinstance(outcome, Success):
                return outcome
            telling = more_telling(told, outcome)
            if telling is outcome:
                retries = journey.retries
            told = replace(telling, terminal=True) if outcome.terminal else telling
            if not self.rule.falls_through(outcome):
                break
        assert told is not None  # a fallback without children is refused when it is read  # noqa: S101
        journey.retries = retries
        return told


def more_telling(told: Failure | None, failure: Failure) -> Failure:
    """Of two failures of one request, the one its caller should hear: the last that reached a provider."""
    if told is None:
        return failure
    if failure.cause is Cause.UNSUPPORTED:
        return told  # what a later target cannot express says nothing about why the earlier one failed
    return failure if failure.reached or not told.reached else told
