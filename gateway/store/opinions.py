"""Figures of the feedback that people gave: how much, how good, and on which models."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from gateway.store.analytics import Figures, Series, by_bucket, lines_of
from gateway.store.buckets import Buckets
from gateway.store.database import Database
from gateway.store.filters import Filters, of_one_trace
from gateway.store.tables import feedback, requests

_NUMBER = sa.func.count().label("number")
_WEIGHT = sa.func.sum(feedback.c.weight).label("weight")
_WEIGHTED = sa.func.sum(feedback.c.value * feedback.c.weight).label("weighted")
"""With `weight`, the average in which each counts by its weight."""
_FIRST: sa.ColumnElement[Any] = sa.literal_column("1")
_SECOND: sa.ColumnElement[Any] = sa.literal_column("2")


async def series(database: Database, filters: Filters, buckets: Buckets) -> Series:
    """Return `number`, `weight` and `weighted` for each bucket."""
    asked = sa.select(buckets.of(feedback).label("bucket"), _NUMBER, _WEIGHT, _WEIGHTED)
    return await by_bucket(database, asked.where(*filters.of_feedback()).group_by(_FIRST))


async def scores(database: Database, filters: Filters) -> Sequence[Figures]:
    """Return each `value` that was given, and the `number` of times."""
    value = feedback.c.value
    asked = sa.select(value, _NUMBER).where(*filters.of_feedback()).group_by(value).order_by(value)
    return await lines_of(database, asked)


async def models(database: Database, filters: Filters) -> Sequence[Figures]:
    """Return `model`, `provider`, `number`, `weight` and `weighted`; one opinion on a trace counts once for a model."""
    asked_about = (
        sa.select(feedback.c.id, feedback.c.value, feedback.c.weight, requests.c.model, requests.c.provider)
        .distinct()
        .join_from(feedback, requests, sa.and_(*of_one_trace()))
        .where(*filters.of_feedback(joined=True))
        .subquery("asked_about")
    )
    value, weight = asked_about.c.value, asked_about.c.weight
    asked = sa.select(
        asked_about.c.model,
        asked_about.c.provider,
        _NUMBER,
        sa.func.sum(weight).label("weight"),
        sa.func.sum(value * weight).label("weighted"),
    )
    return await lines_of(database, asked.select_from(asked_about).group_by(_FIRST, _SECOND).order_by(_NUMBER.desc()))
