"""`/v1/analytics`: charts, groups and summaries of what was recorded."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from gateway.config.suggest import did_you_mean, printable
from gateway.errors import GatewayError
from gateway.http.control.answers import Answer, RecordPlane, routes
from gateway.http.control.asked import check_names, filters_of, metadata_name, one_of, span_of, whole
from gateway.http.control.charts import CHARTS, Chart, mean, share
from gateway.http.control.operator import operator_of
from gateway.http.control.plane import Told
from gateway.http.control.shown import iso, money
from gateway.store import analytics
from gateway.store.database import Database
from gateway.store.filters import Filters

SCOPE = "analytics.view"

_LARGEST_PAGE, _PAGE_SIZE, _LAST_PAGE = 1000, 50, 1000

GROUPS: Mapping[str, str] = {
    "users": "user",
    "user": "user",
    "ai-models": "ai_model",
    "model": "ai_model",
    "workspaces": "workspace",
    "workspace": "workspace",
    "providers": "provider",
    "provider": "provider",
    "ai_service": "provider",
    "virtual-keys": "virtual_key",
    "virtual_key": "virtual_key",
    "configs": "config",
    "config": "config",
    "api-keys": "api_key",
    "api_key": "api_key",
    "status_code": "status_code",
}
"""What a path says, and what is grouped by."""

_ORDERS = {
    "requests": "requests",
    "cost": "cost_micros",
    "errors": "errors",
    "total_units": "images",
    "rescued": "rescued",
    "cache_hits": "hits",
    "last_seen": "last_ms",
}


def analytics_routes(plane: RecordPlane) -> list[Route]:
    """Return the routes of charts, groups and summaries."""
    graphs: dict[str, Mapping[str, Answer]] = {
        f"/analytics/graphs/{path}": {"GET": _graph(chart)} for path, chart in CHARTS.items()
    }
    return routes(
        plane,
        {
            **graphs,
            "/analytics/groups/metadata/{key}": {"GET": _of_metadata},
            "/analytics/groups/{by}": {"GET": _of_column},
            "/analytics/summary": {"GET": _summary},
            "/analytics/summary/cache": {"GET": _of_cache},
        },
    )


def _graph(chart: Chart) -> Answer:
    async def answer(database: Database, request: Request) -> Told:
        filters = _filters(request)
        return {"object": "analytics-graph", "data": await chart(database, filters, *span_of(filters))}

    return answer


async def _of_metadata(database: Database, request: Request) -> Told:
    key = metadata_name(request.path_params["key"])
    return await _groups(database, request, analytics.METADATA + key, "metadata_value")


async def _of_column(database: Database, request: Request) -> Told:
    word = request.path_params["by"]
    if word not in GROUPS:
        end = did_you_mean(word, GROUPS)
        raise GatewayError(
            f"Requests are not grouped by `{printable(word)}`{end} There are {', '.join(GROUPS)}, and metadata/…",
            status=404,
            code="unknown_url",
        )
    return await _groups(database, request, GROUPS[word], GROUPS[word])


async def _groups(database: Database, request: Request, dimension: str, name: str) -> Told:
    given = request.query_params
    filters = _filters(request, "columns", "include_total", "current_page", "page_size", "order_by", "order_by_type")
    span_of(filters)
    order = analytics.Order(
        by=_ORDERS[one_of(given, "order_by", _ORDERS, "requests")],
        ascending=one_of(given, "order_by_type", ("asc", "desc"), "desc") == "asc",
        size=whole(given, "page_size", _PAGE_SIZE, 1, _LARGEST_PAGE) or _PAGE_SIZE,
        page=whole(given, "current_page", 0, 0, _LAST_PAGE) or 0,
    )
    total, found = await analytics.groups(database, filters, dimension, order)
    rows = [_of_group(name, figures) for figures in found]
    columns = [word.strip() for word in given.get("columns", "").split(",") if word.strip()]
    if columns:
        known = _of_group(name, dict.fromkeys(_EVERY, 0))
        for column in columns:
            if column not in known:
                raise GatewayError(
                    f"columns: unknown `{printable(column)}`{did_you_mean(column, known)}", param="columns"
                )
        rows = [{column: row[column] for column in (name, *columns)} for row in rows]
    return {"object": "analytics-group", "total": total, "data": rows}


_EVERY = ("name", "requests", "errors", "cost_micros", "images", "ms", "rescued", "rescued_micros", "hits", "last_ms")


def _of_group(name: str, figures: analytics.Figures) -> dict[str, Any]:
    number = figures["requests"]
    return {
        name: figures["name"],
        "requests": number,
        **money("cost", figures["cost_micros"]),
        "total_units": figures["images"],
        "errors": figures["errors"],
        "error_rate": share(figures["errors"], number),
        "avg_latency": figures["ms"] / number if number else 0,
        "rescued": figures["rescued"],
        **money("saved", figures["rescued_micros"]),
        "cache_hits": figures["hits"],
        "last_seen": iso(figures["last_ms"]),
        "object": "analytics-group",
    }


async def _summary(database: Database, request: Request) -> Told:
    filters = _filters(request)
    span_of(filters)
    latency = asyncio.create_task(analytics.latency(database, filters))
    try:
        figures = await analytics.summary(database, filters)
    finally:
        await asyncio.gather(latency, return_exceptions=True)  # nothing goes on after the answer
    found = latency.result()
    times = found.get(0, {})
    data = {
        "requests": figures["requests"],
        "errors": figures["errors"],
        "error_rate": share(figures["errors"], figures["requests"]),
        **money("cost", figures["cost_micros"]),
        "images": figures["images"],
        "users": figures["users"],
        "avg": figures["ms"] / figures["requests"] if figures["requests"] else 0,
        **{name: times.get(name, 0) for name in ("p50", "p90", "p95", "p99")},
        "rescued": figures["rescued"],
        **money("saved", figures["rescued_micros"]),
        "maybe_billed": figures["maybe_billed"],
        "cache_hits": figures["hits"],
        "cache_hit_rate": share(figures["hits"], figures["lookups"]),
        **money("cache_saved", figures["saved_micros"]),
    }
    return {"object": "analytics-summary", "data": data}


async def _of_cache(database: Database, request: Request) -> Told:
    filters = _filters(request)
    span_of(filters)
    figures = await analytics.summary(database, filters)
    hit, miss = [
        (await analytics.latency(database, filters, cache=status)).get(0) for status in (analytics.HIT, analytics.MISS)
    ]
    data = {
        "cache_hits": figures["hits"],
        "cache_lookups": figures["lookups"],
        "cache_hit_rate": share(figures["hits"], figures["lookups"]),
        "avg_latency_hit": mean(hit),
        "avg_latency_miss": mean(miss),
        **money("saved", figures["saved_micros"]),
    }
    return {"object": "analytics-summary", "data": data}


def _filters(request: Request, *more: str) -> Filters:
    operator = operator_of(request, SCOPE)
    check_names(request.query_params, *more)
    return filters_of(request.query_params, operator)
