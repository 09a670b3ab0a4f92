"""What is counted of requests while they are answered: a few additions each, under labels that are bounded."""

import time
from bisect import bisect_left
from collections.abc import Callable
from typing import Protocol

from gateway.compile import Route
from gateway.ledger import MICROS
from gateway.store.request_row import RequestRow
from gateway.telemetry.families import OVERHEAD, SECONDS, Labels, Rows, add, empty
from strategies import Failure, Journey, Success

MOST_SERIES = 2000
"""Distinct labels that requests are told apart by; what comes after is `other`."""
_REMEMBERED = 2048
_MS = tuple(seconds * 1000 for seconds in SECONDS)
_BUCKETS = len(SECONDS) + 1
_LEFT = 499
OTHER = "other"


class Words(Protocol):
    """What turns the words of a request into labels."""

    def config(self, row: RequestRow) -> str:
        """Return how a request's config is called."""
        ...

    def model(self, row: RequestRow) -> str:
        """Return how its model is called."""
        ...


class _Tally:
    """What is counted under one set of labels."""

    __slots__ = ("buckets", "images", "maybe_billed", "micros", "ms", "rescued", "rescued_micros", "saved", "unpriced")

    def __init__(self) -> None:
        self.buckets = [0] * _BUCKETS
        self.ms = self.images = self.maybe_billed = self.micros = 0
        self.rescued = self.rescued_micros = self.saved = self.unpriced = 0


class _Attempts:
    """What is counted of the attempts at one provider."""

    __slots__ = ("buckets", "causes", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * _BUCKETS
        self.causes: dict[str, int] = {}
        self.seconds = 0.0


class Tallies:
    """All that is counted of requests in one process."""

    def __init__(self, words: Callable[[], Words]) -> None:
        """Begin with nothing; `words` are asked for labels that are new."""
        self._words = words
        self._tallies: dict[Labels, _Tally] = {}
        self._found: dict[tuple[object, ...], _Tally] = {}
        """The tallies by what stands in rows: callers' words, so it is emptied when it is full."""
        self._attempts: dict[str, _Attempts] = {}
        self._passed_over: dict[Labels, int] = {}
        self._overhead = [0] * (len(OVERHEAD) + 1)
        self._overhead_seconds = 0.0
        self.turned_away = 0
        """Requests that found no seat."""

    def forget_words(self) -> None:
        """Ask for all labels again, as the configs have changed."""
        self._found.clear()

    def count(
        self, row: RequestRow, journey: Journey | None = None, route: Route | None = None, started: float = 0.0
    ) -> None:
        """Count one request; `started` is when it had been read, on the performance counter."""
        model = row.model or row.asked_model
        key = (row.config, row.config_version, row.provider, model, row.operation, row.status, row.cause, row.cache)
        tally = self._found.get(key)
        if tally is None:
            tally = self._find(key, row)
        ms = row.ms
        tally.buckets[bisect_left(_MS, ms)] += 1
        tally.ms += ms
        micros = row.cost_micros
        if row.images:
            tally.images += row.images
            if row.saved_micros:
                tally.saved += row.saved_micros
            if micros is None:
                tally.unpriced += 1
        if micros:
            tally.micros += micros
        if row.rescued:
            tally.rescued += 1
            tally.rescued_micros += micros or 0
        if row.maybe_billed:
            tally.maybe_billed += row.maybe_billed
        if journey is not None and route is not None:
            self._count_attempts(journey, route, started)

    def _count_attempts(self, journey: Journey, route: Route, started: float) -> None:
        targets, attempts = route.targets, journey.attempts
        for attempt in attempts:
            provider = targets[attempt.target].provider
            tally = self._attempts.get(provider)
            if tally is None:
                tally = self._attempts[provider] = _Attempts()
            outcome, ended = attempt.outcome, attempt.ended
            if type(outcome) is Success:
                cause = "ok"
            else:
                cause = outcome.cause.value if isinstance(outcome, Failure) else "cancelled"
            causes = tally.causes
            causes[cause] = causes.get(cause, 0) + 1
            seconds = 0.0 if ended is None else ended - attempt.started
            tally.buckets[bisect_left(SECONDS, seconds)] += 1
            tally.seconds += seconds
        if journey.passed_over:
            for path, why in journey.passed_over.items():
                labels = targets[path].provider, why.cause.value
                self._passed_over[labels] = self._passed_over.get(labels, 0) + 1
        own = time.perf_counter() - started
        if attempts:
            ended = attempts[-1].ended
            if len(attempts) > 1:
                ended = max((each.ended for each in attempts if each.ended is not None), default=None)
            # A request that was left in the middle of an attempt says nothing of what the gateway takes.
            if ended is None:
                return
            own -= ended - attempts[0].started
        own = max(own, 0.0)
        self._overhead[bisect_left(OVERHEAD, own)] += 1
        self._overhead_seconds += own

    def _find(self, key: tuple[object, ...], row: RequestRow) -> _Tally:
        words, status = self._words(), row.status
        refused = row.config_version is None
        cause = row.cause or ("refused" if refused else "none")
        labels = (
            words.config(row),
            row.provider or "none",
            words.model(row),
            row.operation,
            f"{status // 100}xx",
            "caller_left" if status == _LEFT else cause,
            row.cache,
        )
        if labels not in self._tallies and len(self._tallies) >= MOST_SERIES:
            labels = (OTHER, OTHER, OTHER, row.operation, labels[4], OTHER, OTHER)
        tally = self._tallies.setdefault(labels, _Tally())
        if len(self._found) >= _REMEMBERED:
            self._found.clear()
        self._found[key] = tally
        return tally

    def rows(self) -> Rows:
        """Return what was counted so far, as a copy."""
        rows = empty()
        for (config, provider, model, operation, status, cause, cache), tally in self._tallies.items():
            count, where = sum(tally.buckets), (provider, model, config)
            name = "beamsplitter_requests_total"
            add(rows, name, (config, provider, model, operation, status, cause), [count])
            name = "beamsplitter_request_duration_seconds"
            add(rows, name, (config, operation), [*tally.buckets, tally.ms / 1000])
            add(rows, "beamsplitter_rescued_total", (config,), [tally.rescued])
            add(rows, "beamsplitter_rescued_saved_usd_total", (config,), [tally.rescued_micros / MICROS])
            add(rows, "beamsplitter_maybe_billed_total", (config,), [tally.maybe_billed])
            add(rows, "beamsplitter_cache_total", (cache,), [count])
            add(rows, "beamsplitter_cache_saved_usd_total", (), [tally.saved / MICROS])
            if tally.images:
                add(rows, "beamsplitter_cost_usd_total", where, [tally.micros / MICROS])
                add(rows, "beamsplitter_images_total", where, [tally.images])
                add(rows, "beamsplitter_unpriced_total", where, [tally.unpriced])
        for provider, attempts in self._attempts.items():
            for cause, times in attempts.causes.items():
                add(rows, "beamsplitter_attempts_total", (provider, cause), [times])
            values = [*attempts.buckets, attempts.seconds]
            add(rows, "beamsplitter_attempt_duration_seconds", (provider,), values)
        for passed_over, times in self._passed_over.items():
            add(rows, "beamsplitter_passed_over_total", passed_over, [times])
        add(rows, "beamsplitter_overhead_seconds", (), [*self._overhead, self._overhead_seconds])
        add(rows, "beamsplitter_no_seat_total", (), [self.turned_away])
        return rows
