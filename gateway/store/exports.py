"""Exports of the log as they are kept: which requests are meant, and what is told of each."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from gateway.store.database import Database
from gateway.store.tables import exports

Row = Mapping[str, Any]

DRAFT, SUCCESS, STOPPED = "draft", "success", "stopped"

_ID_BYTES = 16
_MOST_LISTED = 1000


async def create(database: Database, row: Row, now_ms: int) -> Row:
    """Keep a draft of an export: `workspace`, `description`, `filters`, `requested`, `total` and `created_by`."""
    whole = {
        **row,
        "id": f"exp-{secrets.token_hex(_ID_BYTES)}",
        "status": DRAFT,
        "created_ms": now_ms,
        "updated_ms": now_ms,
    }
    async with database.write() as connection:
        await connection.execute(sa.insert(exports).values(whole))
    return whole


async def find(database: Database, workspace: str | None) -> Sequence[Row]:
    """Return the exports of a workspace, newest first."""
    asked = sa.select(exports).where(*_of(workspace)).order_by(exports.c.created_ms.desc(), exports.c.id)
    async with database.read() as connection:
        return [dict(found) for found in (await connection.execute(asked.limit(_MOST_LISTED))).mappings()]


async def get(database: Database, id_: str, workspace: str | None) -> Row | None:
    """Return one export; another workspace's is as if there were none."""
    if "\x00" in id_:
        return None
    asked = sa.select(exports).where(exports.c.id == id_, *_of(workspace))
    async with database.read() as connection:
        found = (await connection.execute(asked)).mappings().one_or_none()
    return None if found is None else dict(found)


async def change(database: Database, id_: str, now_ms: int, **values: Any) -> bool:  # noqa: ANN401 - any column's
    """Change an export; return whether it was still there to be changed: one that was stopped stays as it is."""
    changed = sa.update(exports).where(exports.c.id == id_, exports.c.status != STOPPED)
    async with database.write() as connection:
        return (await connection.execute(changed.values(**values, updated_ms=now_ms))).rowcount > 0


def _of(workspace: str | None) -> list[sa.ColumnElement[bool]]:
    return [] if workspace is None else [exports.c.workspace == workspace]
