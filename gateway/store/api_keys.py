"""Stored API keys: who may come in, and what for. The keys themselves are not here, only digests of them."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import kept
from gateway.store.kept import REMOVED, Change, Row
from gateway.store.tables import api_keys
from gateway.store.vault import Vault

_BYTES = 32


async def find(connection: AsyncConnection, workspace: str | None, id_: str) -> Row:
    """Return a key; raises `Missing`."""
    return await kept.found(connection, sa.select(api_keys), api_keys, workspace, id_)


async def page(connection: AsyncConnection, workspace: str | None, size: int, number: int) -> tuple[int, Sequence[Row]]:
    """Return how many keys there are, and some of them."""
    return await kept.page(connection, sa.select(api_keys), api_keys, workspace, size, number)


async def create(change: Change, vault: Vault, values: Mapping[str, Any]) -> tuple[Row, str]:
    """Add a key and return it with the text that its holder shows: the one time that anybody sees it."""
    id_, key = kept.new_id(), _new_key()
    await kept.insert(change, api_keys, {"id": id_, **_recognised(vault, key), **values})
    return await find(change.connection, values["workspace"], id_), key


async def update(change: Change, row: Row, values: Mapping[str, Any]) -> Row:
    """Change some columns of a key."""
    await kept.update(change, api_keys, row, values)
    return await find(change.connection, row["workspace"], row["id"])


async def rotate(change: Change, vault: Vault, row: Row, old_until_ms: int | None) -> tuple[Row, str]:
    """Give a key a new text; the one before goes on until a moment, or ends at once."""
    key = _new_key()
    old = None if old_until_ms is None else row["digest"]
    new = {**_recognised(vault, key), "old_digest": old, "old_until_ms": old_until_ms}
    return await update(change, row, new), key


async def remove(change: Change, row: Row) -> None:
    """Revoke a key, and the one before it."""
    gone: dict[str, Any] = {"status": REMOVED, "old_digest": None, "old_until_ms": None}
    await kept.update(change, api_keys, row, gone)


def _new_key() -> str:
    return f"bs-{secrets.token_urlsafe(_BYTES)}"


def _recognised(vault: Vault, key: str) -> dict[str, str]:
    return {"digest": vault.digest(key), "hint": f"bs-***{key[-4:]}"}
