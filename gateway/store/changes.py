"""What changed in the database since a gateway last looked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gateway.store import revision
from gateway.store.database import Database
from gateway.store.tables import api_keys, configs, virtual_keys

Rows = Sequence[sa.RowMapping]


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows that were made, changed or removed, up to a revision."""

    revision: int
    whole: bool
    """Whether this is all there is, and nothing that was known before counts."""
    configs: Rows = ()
    virtual_keys: Rows = ()
    api_keys: Rows = ()


async def changes_after(database: Database, known: int) -> Changes | None:
    """Return what changed after a revision, `None` where nothing did; raises `StoreLost`."""
    async with database.read() as connection:
        now = await revision.current(connection)
        if now == known:
            return None
        # A database that was put back to an older state is read anew, and not trusted to have grown.
        since = known if known < now else 0
        found: list[Rows] = []
        for table in (configs, virtual_keys, api_keys):
            asked: sa.Select[Any] = sa.select(table).where(table.c.revision > since)
            found.append((await connection.execute(asked)).mappings().all())
        return Changes(now, since == 0, *found)


async def count_api_keys(database: Database) -> int:
    """Return how many API keys are in force, but for those that have run out."""
    async with database.read() as connection:
        active = api_keys.c.status == "active"
        return int(await connection.scalar(sa.select(sa.func.count()).select_from(api_keys).where(active)) or 0)
