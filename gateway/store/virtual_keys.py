"""Stored virtual keys: a provider with its credential, what may be spent with it, and until when."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import kept
from gateway.store.kept import REMOVED, Change, Row
from gateway.store.tables import virtual_keys


def place(workspace: str, id_: str) -> str:
    """Return what the secrets of a virtual key are sealed for."""
    return f"{workspace}/virtual_keys/{id_}"


async def find(connection: AsyncConnection, workspace: str | None, name: str) -> Row:
    """Return a virtual key, by id or slug; raises `Missing` or `Ambiguous`."""
    return await kept.found(connection, sa.select(virtual_keys), virtual_keys, workspace, name)


async def page(connection: AsyncConnection, workspace: str | None, size: int, number: int) -> tuple[int, Sequence[Row]]:
    """Return how many virtual keys there are, and some of them."""
    return await kept.page(connection, sa.select(virtual_keys), virtual_keys, workspace, size, number)


async def named(connection: AsyncConnection, workspace: str, slugs: Sequence[str]) -> Sequence[Row]:
    """Return those virtual keys of a workspace that have one of these slugs."""
    asked = sa.select(virtual_keys).where(*kept.there(virtual_keys, workspace), virtual_keys.c.slug.in_(slugs))
    return (await connection.execute(asked)).mappings().all()


async def create(change: Change, values: Mapping[str, Any]) -> Row:
    """Add a virtual key: id, workspace, name, slug, document, and what else there is to it; raises `Taken`."""
    await kept.insert(change, virtual_keys, values)
    return await find(change.connection, values["workspace"], values["id"])


async def update(change: Change, row: Row, values: Mapping[str, Any]) -> Row:
    """Change some columns of a virtual key."""
    await kept.update(change, virtual_keys, row, values)
    return await find(change.connection, row["workspace"], row["id"])


async def remove(change: Change, row: Row) -> None:
    """Remove a virtual key and its credential; its slug is free again."""
    gone: dict[str, Any] = {"status": REMOVED, "document": {}}
    await kept.update(change, virtual_keys, row, gone)
