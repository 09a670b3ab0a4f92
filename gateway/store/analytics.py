"""Figures of requests, computed by the database: over time, by what they have in common, and as one line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from gateway.store.buckets import Buckets
from gateway.store.database import Database
from gateway.store.filters import Filters, of_metadata
from gateway.store.percentiles import latencies
from gateway.store.tables import requests

Figures = Mapping[str, Any]
Series = dict[int, Figures]
"""Figures by the number of their bucket; one in which nothing happened is missing."""

_row = requests.c
_FAILED = 400
HIT, MISS, REFRESH = "HIT", "MISS", "REFRESH"

METADATA = "metadata/"
DIMENSIONS: Mapping[str, sa.Column[Any]] = {
    "user": _row.user,
    "ai_model": _row.model,
    "workspace": _row.workspace,
    "provider": _row.provider,
    "virtual_key": _row.virtual_key,
    "config": _row.config,
    "api_key": _row.api_key,
    "status_code": _row.status,
}
"""What requests are grouped by, apart from `metadata/…`."""


def _sum(value: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(value), 0)


def _bucket(buckets: Buckets | None) -> sa.ColumnElement[int]:
    return sa.literal_column("0", sa.BigInteger) if buckets is None else buckets.of(requests)


def _number(condition: sa.ColumnElement[bool], of: Any = 1) -> sa.ColumnElement[int]:  # noqa: ANN401 - a column, or 1
    return _sum(sa.case((condition, of), else_=0))


FIGURES: Mapping[str, sa.ColumnElement[Any]] = {
    "requests": sa.func.count(),
    "errors": _number(_row.status >= _FAILED),
    "cost_micros": _sum(_row.cost_micros),
    "images": _sum(_row.images),
    "ms": _sum(_row.ms),
    "users": sa.func.count(_row.user.distinct()),
    "requests_of_users": sa.func.count(_row.user),
    "rescued": _sum(_row.rescued),
    "rescued_micros": _number(_row.rescued > 0, sa.func.coalesce(_row.cost_micros, 0)),
    "maybe_billed": _sum(_row.maybe_billed),
    "hits": _number(_row.cache == HIT),
    "lookups": _number(_row.cache.in_((HIT, MISS, REFRESH))),
    "saved_micros": _sum(_row.saved_micros),
}
"""What can be said of any set of requests."""

OF_GROUPS = ("requests", "errors", "cost_micros", "images", "ms", "rescued", "rescued_micros", "hits", "lookups")
_NOT_COMPILED = sa.select(sa.func.set_config("jit", "off", True))  # noqa: FBT003 - for this transaction
"""PostgreSQL would compile what runs for half a second, which takes it as long."""
_FIRST: sa.ColumnElement[Any] = sa.literal_column("1")
"""The first column of a query: what it groups by."""


async def series(database: Database, filters: Filters, buckets: Buckets, figures: Sequence[str]) -> Series:
    """Return some of the `FIGURES` for each bucket."""
    picked = [FIGURES[name].label(name) for name in figures]
    asked = sa.select(buckets.of(requests).label("bucket"), *picked)
    return await by_bucket(database, asked.where(*filters.of_requests()).group_by(_FIRST))


async def failures(database: Database, filters: Filters, buckets: Buckets | None = None) -> list[Figures]:
    """Return `bucket`, `status` and `number` of the requests that failed, by bucket, or under 0 for all of them."""
    asked = (
        sa.select(_bucket(buckets).label("bucket"), _row.status, sa.func.count().label("number"))
        .where(*filters.of_requests(), _row.status >= _FAILED)
        .group_by(_FIRST, _row.status)
        .order_by(_FIRST, _row.status)
    )
    return await lines_of(database, asked)


async def latency(
    database: Database, filters: Filters, buckets: Buckets | None = None, *, cache: str | None = None
) -> Series:
    """Return `number`, `ms` and the percentiles for each bucket, or under 0 for all; of one cache status, or any."""
    conditions = filters.of_requests()
    if cache is not None:
        conditions.append(_row.cache == cache)
    return await by_bucket(database, latencies(_bucket(buckets), conditions))


async def summary(database: Database, filters: Filters) -> Figures:
    """Return all `FIGURES` of all requests together."""
    asked = sa.select(*(figure.label(name) for name, figure in FIGURES.items())).select_from(requests)
    return (await lines_of(database, asked.where(*filters.of_requests())))[0]


@dataclass(frozen=True, slots=True)
class Order:
    """Which groups come first, and which of them are asked for."""

    by: str = "requests"
    ascending: bool = False
    size: int = 50
    page: int = 0


async def groups(database: Database, filters: Filters, dimension: str, order: Order) -> tuple[int, list[Figures]]:
    """Return how many groups there are, and some of them: `name`, which is none where they have none, and figures.

    `dimension` is one of `DIMENSIONS`, or `metadata/` and a name.
    """
    is_metadata = dimension.startswith(METADATA)
    key = of_metadata(dimension.removeprefix(METADATA)) if is_metadata else DIMENSIONS[dimension]
    figures = [*(FIGURES[name].label(name) for name in OF_GROUPS), sa.func.max(_row.created_ms).label("last_ms")]
    grouped = sa.select(key.label("name"), *figures).where(*filters.of_requests()).group_by(_FIRST).subquery("grouped")
    by = grouped.c[order.by]
    asked = (
        sa.select(grouped, sa.func.count().over().label("total"))
        .order_by(by.asc() if order.ascending else by.desc(), grouped.c.name)
        .limit(order.size)
        .offset(order.page * order.size)
    )
    lines = await lines_of(database, asked)
    if lines or not order.page:
        return (lines[0]["total"] if lines else 0), lines
    beyond = await lines_of(database, sa.select(sa.func.count().label("total")).select_from(grouped))
    return beyond[0]["total"], []


async def lines_of(database: Database, asked: sa.Select[*tuple[Any, ...]]) -> list[Figures]:
    """Return what a query finds; sums are whole numbers, though PostgreSQL has a type of its own for large ones."""
    async with database.read() as connection:
        if not database.is_sqlite:
            await connection.execute(_NOT_COMPILED)
        found = (await connection.execute(asked)).mappings()
        return [
            {name: int(value) if isinstance(value, Decimal) else value for name, value in line.items()}
            for line in found
        ]


async def by_bucket(database: Database, asked: sa.Select[*tuple[Any, ...]]) -> Series:
    """Return what a query finds by the number in its column `bucket`."""
    return {line["bucket"]: line for line in await lines_of(database, asked)}
