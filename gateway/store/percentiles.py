"""Percentiles by SQL, the same on both databases: counted in classes, so that no million values are sorted."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from gateway.store.tables import requests

PERCENTILES = (50, 90, 95, 99)

_EXACT_BITS = 6
_MOST_BITS = 31
"""What an integer column can hold."""


def rounded(ms: int) -> int:
    """Return what stands for a time: the middle of its class, at most 1.6 % from it; up to 64 ms, itself."""
    dropped = max(ms.bit_length() - _EXACT_BITS, 0)
    return (ms >> dropped << dropped) + (1 << dropped >> 1)


def _class_of(ms: sa.Column[int]) -> sa.ColumnElement[int]:
    """Return the same as SQL: six bits of a time are kept, which leaves 32 classes between a number and its double."""
    return sa.literal_column(_halved(ms.name, _EXACT_BITS, _MOST_BITS), sa.BigInteger)


def _halved(ms: str, low: int, high: int) -> str:
    """Return the class of a time of so many bits: five decisions instead of twenty-five."""
    if low == high:
        dropped = low - _EXACT_BITS
        return f"({ms} >> {dropped} << {dropped}) + {1 << dropped >> 1}"
    middle = (low + high) // 2
    less, more = _halved(ms, low, middle), _halved(ms, middle + 1, high)
    return f"CASE WHEN {ms} < {1 << middle} THEN {less} ELSE {more} END"


def latencies(
    bucket: sa.ColumnElement[int], conditions: Sequence[sa.ColumnElement[bool]]
) -> sa.Select[*tuple[Any, ...]]:
    """Return rows of `bucket`, `number`, `ms` (their sum) and one percentile each: `p50`, `p90`, `p95`, `p99`.

    A percentile is the nearest rank: the first class that, with all below it, holds that many of a hundred requests.
    """
    counted = (
        sa.select(
            bucket.label("bucket"),
            _class_of(requests.c.ms).label("class"),
            sa.func.count().label("number"),
            sa.func.sum(requests.c.ms).label("ms"),
        )
        .select_from(requests)
        .where(*conditions)
        .group_by(sa.literal_column("1"), sa.literal_column("2"))
        .subquery("counted")
    )
    classes = counted.c["class"]
    running = sa.select(
        counted,
        sa.func.sum(counted.c.number).over(partition_by=counted.c.bucket, order_by=classes).label("upto"),
        sa.func.sum(counted.c.number).over(partition_by=counted.c.bucket).label("total"),
    ).subquery("running")
    return sa.select(
        running.c.bucket,
        sa.func.sum(running.c.number).label("number"),
        sa.func.sum(running.c.ms).label("ms"),
        *(
            sa.func.min(sa.case((running.c.upto * 100 >= running.c.total * percentile, running.c["class"]))).label(
                f"p{percentile}"
            )
            for percentile in PERCENTILES
        ),
    ).group_by(running.c.bucket)
