"""Stored API keys, on both databases: recognised by a digest, never kept."""

import pytest

from gateway.store import api_keys
from gateway.store.changes import changes_after
from gateway.store.kept import Missing, changing
from gateway.store.sealing import MasterKeys
from gateway.store.vault import open_vault

VALUES = {
    "workspace": "red",
    "name": "app",
    "kind": "workspace-service",
    "user_id": None,
    "scopes": ["completions.write"],
    "defaults": {},
    "allow": {},
}


@pytest.fixture
async def vault(store):
    return await open_vault(store, MasterKeys([b"one-master-key-of-32-bytes-notre"]))


async def made(store, vault):
    async with changing(store, "tester") as change:
        return await api_keys.create(change, vault, VALUES)


async def test_a_key_is_kept_as_its_digest(store, vault):
    row, key = await made(store, vault)
    other, another = await made(store, vault)
    assert key != another
    assert (row["digest"], row["old_digest"], row["scopes"]) == (vault.digest(key), None, ["completions.write"])
    assert key not in str(dict(row))
    async with store.read() as connection:
        assert await api_keys.find(connection, "red", row["id"]) == row
        assert (await api_keys.page(connection, "red", 10, 0))[0] == 2
        with pytest.raises(Missing):
            await api_keys.find(connection, "blue", other["id"])


async def test_a_rotation_puts_another_in_its_place(store, vault):
    row, first = await made(store, vault)
    async with changing(store, "tester") as change:
        row, second = await api_keys.rotate(change, vault, row, 9_000_000_000_000)
    assert (row["digest"], row["old_digest"]) == (vault.digest(second), vault.digest(first))
    async with changing(store, "tester") as change:
        row, third = await api_keys.rotate(change, vault, row, None)
    assert (row["digest"], row["old_digest"], row["old_until_ms"]) == (vault.digest(third), None, None)
    assert len({first, second, third}) == 3


async def test_what_is_revoked_is_told(store, vault):
    row, _ = await made(store, vault)
    async with changing(store, "tester") as change:
        row = await api_keys.update(change, row, {"name": "renamed"})
        await api_keys.remove(change, row)
    [gone] = (await changes_after(store, 1)).api_keys
    assert (gone["status"], gone["name"]) == ("removed", "renamed")
