"""The charts there are: what each asks of the database, and the row it makes of each stretch of time.

Every row says when its stretch begins; one in which nothing happened is there as well, with zeros. Rates are in
percent, amounts in US cents, as Portkey's, and in US dollars where the name ends in `_usd`, latencies in milliseconds.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from gateway.http.control.shown import iso, money
from gateway.store import analytics, opinions
from gateway.store.analytics import Figures
from gateway.store.buckets import buckets
from gateway.store.database import Database
from gateway.store.filters import Filters

Rows = list[dict[str, Any]]
Chart = Callable[[Database, Filters, int, int], Awaitable[Rows]]
"""Answers for filters, and the two ends of their time."""

_TIMES = ("p50", "p90", "p95", "p99")


def share(part: int, whole: int) -> float:
    """Return a part in percent; of nothing, 0."""
    return 100 * part / whole if whole else 0.0


def mean(figures: Figures | None) -> float:
    """Return the mean latency; of nothing, 0."""
    return figures["ms"] / figures["number"] if figures else 0.0


def _over_time(row: Callable[[Figures], dict[str, Any]], *figures: str) -> Chart:
    """Return the chart of some figures, which are 0 where there is nothing."""
    nothing = dict.fromkeys(figures, 0)

    async def chart(database: Database, filters: Filters, since_ms: int, until_ms: int) -> Rows:
        wide = buckets(since_ms, until_ms)
        found = await analytics.series(database, filters, wide, figures)
        return [{**_begins(start), **row(found.get(number, nothing))} for number, start in wide.starts().items()]

    return chart


def _latency(cache: str | None, name: str) -> Chart:
    async def chart(database: Database, filters: Filters, since_ms: int, until_ms: int) -> Rows:
        wide = buckets(since_ms, until_ms)
        found = await analytics.latency(database, filters, wide, cache=cache)
        return [_of_times(start, found.get(number), name) for number, start in wide.starts().items()]

    return chart


def _of_times(start: int, figures: Figures | None, name: str) -> dict[str, Any]:
    times = {percentile: 0 if figures is None else figures[percentile] for percentile in _TIMES}
    return {**_begins(start), name: 0 if figures is None else figures["number"], "avg": mean(figures), **times}


async def _stacks(database: Database, filters: Filters, since_ms: int, until_ms: int) -> Rows:
    wide = buckets(since_ms, until_ms)
    found = _stacked(await analytics.failures(database, filters, wide))
    return [{**_begins(start), "stacks": found.get(number, [])} for number, start in wide.starts().items()]


def _stacked(lines: Iterable[Figures]) -> Mapping[int, Rows]:
    found: dict[int, Rows] = {}
    for line in lines:
        found.setdefault(line["bucket"], []).append({"status_code": line["status"], "count": line["number"]})
    return found


async def _statuses(database: Database, filters: Filters, since_ms: int, _: int) -> Rows:
    lines = await analytics.failures(database, filters)
    return [{**_begins(since_ms), "status_code": line["status"], "count": line["number"]} for line in lines]


def _feedback(row: Callable[[Figures], dict[str, Any]]) -> Chart:
    nothing = {"number": 0, "weight": 0, "weighted": 0}

    async def chart(database: Database, filters: Filters, since_ms: int, until_ms: int) -> Rows:
        wide = buckets(since_ms, until_ms)
        found = await opinions.series(database, filters, wide)
        return [{**_begins(start), **row(found.get(number, nothing))} for number, start in wide.starts().items()]

    return chart


async def _scores(database: Database, filters: Filters, since_ms: int, _: int) -> Rows:
    lines = await opinions.scores(database, filters)
    return [{**_begins(since_ms), "score": line["value"], "feedbacks": line["number"]} for line in lines]


async def _models(database: Database, filters: Filters, since_ms: int, _: int) -> Rows:
    return [
        {
            **_begins(since_ms),
            "ai_model": line["model"],
            "ai_org": line["provider"],
            "feedbacks": line["number"],
            "weighted_feedback": _weighted(line),
        }
        for line in await opinions.models(database, filters)
    ]


def _weighted(figures: Figures) -> float:
    return figures["weighted"] / figures["weight"] if figures["weight"] else 0.0


def _begins(start: int) -> dict[str, Any]:
    return {"timestamp": iso(start)}


CHARTS: Mapping[str, Chart] = {
    "requests": _over_time(lambda of: {"requests": of["requests"]}, "requests"),
    "cost": _over_time(
        lambda of: {**money("cost", of["cost_micros"]), "images": of["images"], "requests": of["requests"]},
        *("cost_micros", "images", "requests"),
    ),
    "latency": _latency(None, "requests"),
    # Pictures have no tokens: a unit is a picture.
    "tokens": _over_time(lambda of: {"units": of["images"]}, "images"),
    "users": _over_time(lambda of: {"users": of["users"]}, "users"),
    "users/requests": _over_time(
        lambda of: {
            "requests": of["requests"],
            "users": of["users"],
            "requests_per_user": of["requests_of_users"] / of["users"] if of["users"] else 0.0,
        },
        *("requests", "users", "requests_of_users"),
    ),
    "errors": _over_time(lambda of: {"errors": of["errors"]}, "errors"),
    "errors/rate": _over_time(
        lambda of: {
            "rate": share(of["errors"], of["requests"]),
            "errors": of["errors"],
            "requests": of["requests"],
        },
        *("errors", "requests"),
    ),
    "errors/stacks": _stacks,
    "errors/status-codes": _statuses,
    # What their callers would have lost: the cost of the answers that only a second attempt brought.
    "requests/rescued": _over_time(
        lambda of: {"rescued": of["rescued"], **money("saved", of["rescued_micros"]), "requests": of["requests"]},
        *("rescued", "rescued_micros", "requests"),
    ),
    "cache/hit-rate": _over_time(
        lambda of: {
            "rate": share(of["hits"], of["lookups"]),
            "hits": of["hits"],
            "lookups": of["lookups"],
            **money("saved", of["saved_micros"]),
        },
        *("hits", "lookups", "saved_micros"),
    ),
    "cache/latency": _latency(analytics.HIT, "hits"),
    "feedbacks": _feedback(lambda of: {"feedbacks": of["number"]}),
    "feedbacks/scores": _scores,
    "feedbacks/weighted": _feedback(lambda of: {"weighted_feedback": _weighted(of), "feedbacks": of["number"]}),
    "feedbacks/ai-models": _models,
}
