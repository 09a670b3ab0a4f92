"""Counts what becomes of simulated requests, in columns: a hundred thousand of them are a few megabytes."""

from array import array
from collections import Counter
from typing import Any

from gateway.images import ImageReply, ImageRequest
from gateway.rehearsal import Performance
from gateway.simulate.actor import Actor, Trip
from gateway.simulate.numbers import percentile, rounded
from gateway.simulate.series import Columns, series
from gateway.simulate.stage import Stage
from gateway.simulate.watch import Stretch, covered
from strategies import Cause, Failure, Success
from strategies.health import LONGEST_THROTTLE

REFUSED = "refused"
"""The cause of what the gateway refuses before anything is sent."""


class _Part:
    """What one target did."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.answered = self.attempts = self.successes = self.cancelled = self.rescued = self.maybe_billed = 0
        self.failures: Counter[str] = Counter()
        self.passed_over: Counter[str] = Counter()
        self.seconds = array("d")
        self.cost = self.at_risk = 0.0
        self.throttled: list[Stretch] = []

    def told(self, answered: int, opened: list[Stretch]) -> dict[str, Any]:
        took = sorted(self.seconds)
        return {
            "share": rounded(self.answered / answered) if answered else None,
            "answered": self.answered,
            "attempts": self.attempts,
            "successes": self.successes,
            "failures": dict(sorted(self.failures.items())),
            "cancelled": self.cancelled,
            "passed_over": dict(sorted(self.passed_over.items())),
            "rescued": self.rescued,
            "maybe_billed": self.maybe_billed,
            "cost_usd": rounded(self.cost),
            "at_risk_usd": rounded(self.at_risk),
            "p50": percentile(took, 0.5),
            "p95": percentile(took, 0.95),
            "p99": percentile(took, 0.99),
            "openings": len(opened),
            "open_seconds": _length(opened),
            "throttled_seconds": _length(self.throttled),
            "provider": self.actor.spec.provider,
            "path": self.actor.spec.path,
        }


class Tally:
    """What is known of a simulation so far."""

    def __init__(self, stage: Stage) -> None:
        """Count nothing yet."""
        self._stage = stage
        self._parts = {path: _Part(actor) for path, actor in stage.actors.items()}
        self._order = {path: index for index, path in enumerate(self._parts)}
        self._columns = Columns()
        self._failures: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._caches: Counter[str] = Counter()
        self._attempts = self._most_attempts = self._unsent = self._unpriced = 0
        self._saved = 0.0

    def refuse(self, at: float, code: str) -> None:
        """Count a request that the gateway would refuse at its door."""
        self._refused[code] += 1
        self._failures[REFUSED] += 1
        self._columns.add(at)

    def add(self, at: float, performance: Performance) -> None:
        """Count a request that had its turn."""
        outcome, trip = performance.outcome, performance.journey
        if not isinstance(trip, Trip):
            raise TypeError("only simulated requests are counted")
        cost, risk = self._count_attempts(trip)
        path, rescued = None, False
        if isinstance(outcome, Success):
            path = _told_of(outcome, trip)
            rescued = any(isinstance(attempt.outcome, Failure) for attempt in trip.attempts)
            self._count_answer(outcome.reply, path, rescued=rescued)
        else:
            self._failures[outcome.cause.value] += 1
            self._unsent += not any(attempt.sent for attempt in trip.attempts)
        self._columns.add(
            at,
            performance.seconds,
            answered=-1 if path is None else self._order[path],
            cost=cost,
            risk=risk,
            rescued=rescued,
            maybe_billed=trip.maybe_billed,
        )

    def _count_answer(self, reply: ImageReply, path: str, *, rescued: bool) -> None:
        part = self._parts[path]
        part.answered += 1
        part.rescued += rescued
        self._caches[reply.cache] += 1
        self._saved += reply.spared_usd or 0.0
        self._unpriced += reply.cost_usd is None

    def _count_attempts(self, trip: Trip) -> tuple[float, float]:
        """Return what was spent, and what may have been spent for nothing."""
        attempts = trip.attempts
        self._attempts += len(attempts)
        self._most_attempts = max(self._most_attempts, len(attempts))
        cost = risk = 0.0
        for attempt in attempts:
            part, result = self._parts[attempt.target], attempt.outcome
            part.attempts += 1
            ended = attempt.started if attempt.ended is None else attempt.ended
            if isinstance(result, Success):
                part.successes += 1
                part.seconds.append(ended - attempt.started)
                spent = result.reply.cost_usd or 0.0
                part.cost += spent
                cost += spent
                continue
            if isinstance(result, Failure):
                part.failures[result.cause.value] += 1
                if result.cause is Cause.RATE_LIMITED and result.retry_after:
                    part.throttled.append((ended, ended + min(result.retry_after, LONGEST_THROTTLE)))
            else:
                part.cancelled += 1
            if result.billable if isinstance(result, Failure) else attempt.sent:
                most = next((_price(part.actor, call.request) for call in trip.calls if call.attempt is attempt), 0.0)
                part.maybe_billed += 1
                part.at_risk += most
                risk += most
        for path, why in trip.passed_over.items():
            self._parts[path].passed_over[why.cause.value] += 1
        return cost, risk

    def told(self, now: float) -> dict[str, Any]:
        """Return everything, as of the moment when nothing runs any more."""
        columns, parts = self._columns, self._named()
        answered = sum(part.answered for part in parts.values())
        took = sorted(columns.waits())
        opened = {name: covered(self._stage.watch.openings(part.actor.spec.path, now)) for name, part in parts.items()}
        spec = self._stage.route.spec
        count = len(columns.at)
        for part in parts.values():
            part.throttled = covered([(begins, min(ends, now)) for begins, ends in part.throttled if begins < now])
        return {
            "config": {"id": spec.id, "version": spec.version, "description": spec.description},
            "seconds": rounded(now),
            "success_rate": rounded(answered / count),
            "successes": answered,
            "failures": dict(sorted(self._failures.items())),
            "refused": dict(sorted(self._refused.items())),
            "unsent": self._unsent + sum(self._refused.values()),
            "p50": percentile(took, 0.5),
            "p95": percentile(took, 0.95),
            "p99": percentile(took, 0.99),
            "cost_usd": rounded(sum(part.cost for part in parts.values())),
            "at_risk_usd": rounded(sum(part.at_risk for part in parts.values())),
            "saved_usd": rounded(self._saved),
            "unpriced": self._unpriced,
            "rescued": sum(part.rescued for part in parts.values()),
            "maybe_billed": sum(map(bool, columns.maybe_billed)),
            "attempts": self._attempts,
            "attempts_per_request": rounded(self._attempts / count),
            "most_attempts": self._most_attempts,
            "cache": dict(sorted(self._caches.items())),
            "targets": {
                name: part.told(answered, self._stage.watch.openings(part.actor.spec.path, now))
                for name, part in parts.items()
            },
            "series": series(columns, list(parts), opened, {name: part.throttled for name, part in parts.items()}),
        }

    def _named(self) -> dict[str, _Part]:
        """Return the parts by what people call them: names that several have are no names."""
        names = Counter(part.actor.spec.name for part in self._parts.values())
        return {
            part.actor.spec.name if part.actor.spec.name and names[part.actor.spec.name] == 1 else path: part
            for path, part in self._parts.items()
        }


def _told_of(outcome: Success[ImageReply], trip: Trip) -> str:
    """Return the target whose answer it is."""
    if outcome.reply.kept_by is not None:
        return outcome.reply.kept_by
    attempts = trip.attempts
    same = (attempt.target for attempt in reversed(attempts) if attempt.outcome is outcome)
    good = (attempt.target for attempt in reversed(attempts) if isinstance(attempt.outcome, Success))
    return next(same, None) or next(good)


def _price(actor: Actor, request: ImageRequest) -> float:
    """Return what a call costs at most, as far as anybody knows."""
    prepared = request.prepared or actor.prepare(request)
    return 0.0 if isinstance(prepared, Failure) else actor.estimate(prepared) or 0.0


def _length(stretches: list[Stretch]) -> float:
    return rounded(sum(ends - begins for begins, ends in covered(stretches)))
