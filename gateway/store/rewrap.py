"""Changes the master key: the small keys of everything that is sealed are sealed by the first one."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import hidden
from gateway.store.database import Database
from gateway.store.hidden import Spellings
from gateway.store.kept import changing
from gateway.store.sealing import MasterKeys
from gateway.store.tables import config_versions, configs, meta, virtual_keys
from gateway.store.vault import rewrap_vault


async def rewrap(database: Database, master: MasterKeys, spellings: Spellings, by: str) -> Mapping[str, int]:
    """Seal every record's key by the first master key, all in one step; return how many records changed, by table.

    Raises `CannotOpen` where something was sealed by a key that is not given, and then nothing has changed.
    """
    async with changing(database, by) as change:
        connection = change.connection
        before = await _things(connection)
        await rewrap_vault(connection, master)
        counts = {"meta": len(await _things(connection) - before)}
        for name, table, asked in _SEALED:
            counts[name] = 0
            for id_, workspace, owner in (await connection.execute(asked)).all():
                place = f"{workspace}/{owner}"
                counts[name] += await _again(connection, table, id_, spellings, master, place)
    return counts


_SEALED: tuple[tuple[str, sa.Table, sa.Select[Any]], ...] = (
    ("configs", configs, sa.select(configs.c.id, configs.c.workspace, "configs/" + configs.c.id)),
    (
        "config_versions",
        config_versions,
        sa.select(config_versions.c.id, configs.c.workspace, "configs/" + configs.c.id).join(configs),
    ),
    (
        "virtual_keys",
        virtual_keys,
        sa.select(virtual_keys.c.id, virtual_keys.c.workspace, "virtual_keys/" + virtual_keys.c.id),
    ),
)
"""Name, table, and each row's id with the two parts of the place that its secrets are sealed for."""


async def _things(connection: AsyncConnection) -> set[sa.Row[Any]]:
    return set((await connection.execute(sa.select(meta))).all())


async def _again(
    connection: AsyncConnection, table: sa.Table, id_: str, spellings: Spellings, master: MasterKeys, place: str
) -> bool:
    """Rewrap one row, and return whether that changed it."""
    mine = table.c.id == id_
    before = await connection.scalar(sa.select(table.c.document).where(mine))
    after = hidden.rewrapped(before, spellings, master, place)
    if after == before:
        return False
    await connection.execute(sa.update(table).where(mine).values(document=after))
    return True
