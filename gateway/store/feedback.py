"""Feedback: what people thought of what a request led to."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from gateway.store import kept
from gateway.store.database import Database
from gateway.store.kept import Missing
from gateway.store.tables import feedback


async def add(database: Database, workspace: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keep all of it or none, and return its ids: trace_id, value, weight, metadata of each; raises `StoreLost`."""
    now = kept.now_ms()
    common = {"workspace": workspace, "created_ms": now, "updated_ms": now}
    full = [{"id": kept.new_id(), **common, **row} for row in rows]
    async with database.write() as connection:
        await connection.execute(sa.insert(feedback), full)
    return [str(row["id"]) for row in full]


async def change(database: Database, workspace: str | None, id_: str, values: Mapping[str, Any]) -> None:
    """Change what somebody thought; raises `Missing` or `StoreLost`."""
    if not kept.is_name(id_):
        raise Missing
    asked = sa.update(feedback).where(feedback.c.id == id_)
    if workspace is not None:
        asked = asked.where(feedback.c.workspace == workspace)
    async with database.write() as connection:
        done = await connection.execute(asked.values(updated_ms=kept.now_ms(), **values))
    if done.rowcount == 0:
        raise Missing
