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
        if failure.terminal or failure.skipped:
            return not failure.terminal
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
    beyond: int = 0
    """Children that the last one stands for, besides itself."""

    async def __call__(self, request: Req_contra, context: Context, /) -> Outcome[Rep_co]:
        """Return the first success, or the most telling failure."""
        journey = context.journey
        told: Failure | None = None
        retries = 0
        skipped: list[tuple[float, Node[Req_contra, Rep_co]]] = []
        turns = [*self.children]
        for index, child in enumerate(turns):  # what was passed over has a second turn at the end
            untried = max(len(self.children) - 1 - index, 0)
            among = index < len(self.children) and (untried or skipped)
            # Where nothing further out takes up what failed here, passing over a target would lead nowhere.
            outside = context if told is None or context.has_way_out(told) else context.as_last_resort()
            reserved = untried + self.beyond if untried else 0
            inside = outside.with_way_out(self.rule.falls_through, reserved) if among else outside
            outcome = await child(request, inside)
            if isinstance(outcome, Success):
                return outcome
            telling = more_telling(told, outcome)
            if telling is outcome:
                retries = journey.retries
            told = replace(telling, terminal=True) if outcome.terminal else telling
            if not self.rule.falls_through(outcome):
                break
            if outcome.skipped and index < len(self.children):
                skipped.append((outcome.retry_after or 0.0, child))
            if index == len(self.children) - 1 and skipped and not context.has_way_out(told):
                turns.extend(child for _, child in sorted(skipped, key=lambda each: each[0]))  # who may be asked first
        assert told is not None  # a fallback without children is refused when it is read  # noqa: S101
        journey.retries = retries
        return told


def more_telling(told: Failure | None, failure: Failure) -> Failure:
    """Of two failures of one request, the one its caller should hear: the last that reached a provider."""
    if told is None:
        return failure
    if failure.cause is Cause.UNSUPPORTED:
        return told  # what a later target cannot express says nothing about why the earlier one failed
    if failure.skipped and failure.retry_after is None and not told.skipped:
        return told  # nor does one that was not asked, unless it says when to come back
    return failure if failure.reached or not told.reached else told
