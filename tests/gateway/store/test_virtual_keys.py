"""Stored virtual keys, on both databases."""

import pytest

from gateway.store import virtual_keys
from gateway.store.changes import changes_after
from gateway.store.kept import Missing, Taken, changing, new_id

LIMITS = {"credit_limit": 5.5, "periodic_reset": "monthly"}


async def made(store, **more):
    values = {
        "id": new_id(),
        "workspace": "red",
        "name": "x",
        "slug": "prod",
        "note": None,
        "document": {"provider": "openai", "api_key": "sealed"},
        "usage_limits": LIMITS,
        "rate_limits": None,
        "expires_ms": 4_000_000_000_000,
    }
    async with changing(store, "tester") as change:
        return await virtual_keys.create(change, values | more)


async def test_a_virtual_key_comes_back_as_it_was(store):
    row = await made(store)
    async with store.read() as connection:
        again = await virtual_keys.find(connection, "red", "prod")
        assert again == row
        assert (again["usage_limits"], again["rate_limits"], again["expires_ms"]) == (LIMITS, None, 4_000_000_000_000)
        assert await virtual_keys.page(connection, "red", 10, 0) == (1, [row])
        assert await virtual_keys.named(connection, "red", ["other", "prod"]) == [row]
        assert await virtual_keys.named(connection, "blue", ["prod"]) == []
        with pytest.raises(Missing):
            await virtual_keys.find(connection, "blue", row["id"])


async def test_it_is_changed_and_removed_with_its_credential(store):
    row = await made(store)
    with pytest.raises(Taken):
        await made(store)
    async with changing(store, "other") as change:
        row = await virtual_keys.update(change, row, {"note": "n", "usage_limits": None})
    assert (row["version"], row["note"], row["usage_limits"], row["updated_by"]) == (2, "n", None, "other")
    async with changing(store, "other") as change:
        await virtual_keys.remove(change, row)
    [gone] = (await changes_after(store, row["revision"])).virtual_keys
    assert (gone["status"], gone["document"]) == ("removed", {})
    await made(store)
