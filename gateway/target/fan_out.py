"""n means n: several calls where one makes fewer pictures than were asked for, merged in order."""

import asyncio
import logging
from dataclasses import dataclass, replace

from gateway.images import Adaptation, ImageReply, ImageRequest, Part, Picture
from gateway.target.leaf import ImageTarget
from gateway.wire import Outcome
from strategies import Cause, Context, Failure, Retry, Success

_log = logging.getLogger("gateway.target")

AT_ONCE = 4
"""Calls that one request has under way at a time."""

# The same answer would come to every other call: none of them is made.
_FOR_ALL = frozenset({Cause.POLICY, Cause.AUTH, Cause.INVALID, Cause.UNSUPPORTED, Cause.BUDGET, Cause.DEADLINE})


@dataclass(frozen=True, slots=True, eq=False)
class FanOut:
    """Asks `inner` once for a request its target makes in one call, else once for each share of it.

    Each share is tried, retried and counted like a request of its own, so what is there is never painted again.
    """

    inner: Retry[ImageRequest, ImageReply]
    target: ImageTarget

    async def __call__(self, request: ImageRequest, context: Context, /) -> Outcome:
        """Make the pictures."""
        parts = self.parts(request) if "n" in request.params or self.target.sets_n else ()
        if len(parts) < 2:  # noqa: PLR2004 - one call makes them all
            return await self.inner(request, context)
        run = _Run(self, request, context, list(parts))
        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(parts))):
                group.create_task(run.work())
        return run.merged()

    def parts(self, request: ImageRequest) -> tuple[Part, ...]:
        """Return the shares of a request; none where one call makes all of it."""
        wanted = request.params.get("n", 1)
        if not self.target.sets_n and (type(wanted) is not int or wanted == 1):
            return ()
        prepared = self.target.prepare(request)
        if isinstance(prepared, Failure) or prepared.calls == 1:
            return ()
        asked, each = prepared.asked, prepared.request.params["n"]
        return tuple(Part(first, min(each, asked - first)) for first in range(0, asked, each))


class _Run:
    """One fan-out: parts are taken off a list by a few workers."""

    def __init__(self, node: FanOut, request: ImageRequest, context: Context, parts: list[Part]) -> None:
        self._node = node
        self._request = request
        self._context = context
        self._waiting = parts
        self._asked = sum(part.count for part in parts)
        self._outcomes: dict[int, Outcome] = {}
        self._attempts_before = self._attempts()
        self._begun = False
        self._hopeless = False
        self._running = 0

    async def work(self) -> None:
        journey = self._context.journey
        while self._waiting and not self._hopeless and (journey.attempts_left or not self._begun):
            self._begun = True
            part = self._waiting.pop(0)
            # A share that failed for good says nothing about the next one.
            journey.exhausted.pop(self._node.inner, None)
            self._running += 1
            outcome = await self._node.inner(replace(self._request, part=part), self._context)
            self._running -= 1
            if isinstance(outcome, Failure) and outcome.skipped and self._running:
                self._waiting.insert(0, part)  # the others of this request are in its way: they take it along
                return
            self._outcomes[part.first] = outcome
            if isinstance(outcome, Failure) and (outcome.terminal or outcome.skipped or outcome.cause in _FOR_ALL):
                self._hopeless = True

    def _attempts(self) -> int:
        path = self._node.target.spec.path
        return sum(attempt.target == path for attempt in self._context.journey.attempts)

    def merged(self) -> Outcome:
        outcomes = [self._outcomes[first] for first in sorted(self._outcomes)]
        for failure in outcomes:
            if isinstance(failure, Failure):
                _log.warning("a share of the pictures failed: %s", failure.message)
        replies = [outcome.reply for outcome in outcomes if isinstance(outcome, Success)]
        if not replies:
            failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
            return next((failure for failure in failures if failure.terminal), failures[0])
        journey = self._context.journey
        journey.exhausted.pop(self._node.inner, None)
        journey.retries = self._attempts() - self._attempts_before - len(outcomes)
        return Success(_one(replies, self._asked, lenient=self._node.target.spec.adapt == "lenient"))


def _one(replies: list[ImageReply], asked: int, *, lenient: bool) -> ImageReply:
    pictures: list[Picture] = [picture for reply in replies for picture in reply.pictures]
    changes = dict.fromkeys(change for reply in replies for change in reply.adaptations if change.param != "n")
    if len(pictures) < asked and not lenient:
        changes[Adaptation("n", str(asked), str(len(pictures)))] = None
    costs = [reply.cost_usd for reply in replies]
    known = [cost for cost in costs if cost is not None]
    about = dict(replies[0].about)
    about.pop("usage", None)
    usage = _added([reply.about.get("usage") for reply in replies])
    if usage:
        about["usage"] = usage
    return replace(
        replies[0],
        pictures=tuple(pictures),
        canonical=None,
        about=about,
        adaptations=tuple(changes),
        cost_usd=round(sum(known), 10) if len(known) == len(costs) else None,
    )


def _added(usages: list[object]) -> dict[str, object]:
    """Return the sum of what the calls counted, as far as all of them count it."""
    total: dict[str, object] = {}
    first, *others = usages
    if not isinstance(first, dict):
        return {}
    for name, value in first.items():
        values = [other.get(name) if isinstance(other, dict) else None for other in others]
        if type(value) is int and all(type(each) is int for each in values):
            total[name] = value + sum(each for each in values if isinstance(each, int))
        elif isinstance(value, dict):
            total[name] = _added([value, *values])
    return total
