"""Brings a database to the schema that this version works with, one step after another, under a lock."""

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database, StoreLost
from gateway.store.tables import meta, metadata

SCHEMA = "schema"
"""Where the schema's version is kept."""

_LOCK = 0x_BEA_5_0001
"""Of all who start at one time, one migrates; the others wait for it."""


def _first(connection: sa.Connection) -> None:
    metadata.create_all(connection)
    connection.execute(sa.insert(meta).values(name="revision", value="0"))


STEPS: tuple[Callable[[sa.Connection], None], ...] = (_first,)
"""Step n leads from schema n to n + 1. A step that has been released is never changed; a new one is added."""


async def migrate(database: Database, steps: tuple[Callable[[sa.Connection], None], ...] = STEPS) -> None:
    """Apply what is missing; raises `StoreLost` where the schema is of a later version, or cannot be reached."""
    async with database.write() as connection:
        if not database.is_sqlite:  # a writer of SQLite is alone anyway
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        found = await _version(connection)
        if found > len(steps):
            raise StoreLost(
                f"{database.place}: its schema is {found}, of a later version of Beamsplitter than this one, which "
                f"knows {len(steps)}: start the later version, or use another database"
            )
        for step in steps[found:]:
            await connection.run_sync(step)
        if found < len(steps):
            await put(connection, SCHEMA, str(len(steps)))


async def _version(connection: AsyncConnection) -> int:
    if not await connection.run_sync(lambda sync: sa.inspect(sync).has_table(meta.name)):
        return 0
    return int(await get(connection, SCHEMA) or 0)


async def get(connection: AsyncConnection, name: str) -> str | None:
    """Return one of the things there is one of."""
    value = await connection.scalar(sa.select(meta.c.value).where(meta.c.name == name))
    return None if value is None else str(value)


async def put(connection: AsyncConnection, name: str, value: str) -> None:
    """Keep one of the things there is one of."""
    changed = await connection.execute(sa.update(meta).where(meta.c.name == name).values(value=value))
    if changed.rowcount == 0:
        await connection.execute(sa.insert(meta).values(name=name, value=value))
