"""Exports as they are kept: whose they are, and that what was stopped stays so; on both databases."""

import asyncio

from gateway.store import exports
from tests.gateway.store.made import NOW

DRAFT = {
    "workspace": "red",
    "description": None,
    "filters": {"ai_model": "m"},
    "requested": ["id"],
    "total": 3,
    "created_by": "somebody",
}


async def test_an_export_is_found_by_its_own_workspace_alone(store):
    made = await exports.create(store, DRAFT, NOW)
    assert made["status"] == exports.DRAFT
    for workspace in ("red", None):
        assert await exports.get(store, made["id"], workspace) == made
        assert await exports.find(store, workspace) == [made]
    assert await exports.get(store, made["id"], "blue") is None
    assert await exports.find(store, "blue") == []
    assert await exports.get(store, "\0", None) is None


async def test_the_newest_comes_first(store):
    made = [await exports.create(store, DRAFT, NOW + number) for number in range(3)]
    assert [each["id"] for each in await exports.find(store, "red")] == [each["id"] for each in made[::-1]]


async def test_what_was_stopped_is_not_changed_any_more(store):
    made = await exports.create(store, DRAFT, NOW)
    assert await exports.change(store, made["id"], NOW + 1, status=exports.SUCCESS, total=4)
    assert await exports.change(store, made["id"], NOW + 2, status=exports.STOPPED)
    assert not await exports.change(store, made["id"], NOW + 3, status=exports.SUCCESS)
    left = await exports.get(store, made["id"], "red")
    assert (left["status"], left["total"], left["updated_ms"]) == (exports.STOPPED, 4, NOW + 2)
    assert not await exports.change(store, "nothing", NOW, total=1)


async def test_of_many_changes_at_once_none_comes_after_the_stop(store):
    made = await exports.create(store, DRAFT, NOW)
    steps = [exports.change(store, made["id"], NOW + 1, status=exports.SUCCESS) for _ in range(5)]
    await asyncio.gather(*steps, exports.change(store, made["id"], NOW + 2, status=exports.STOPPED))
    assert (await exports.get(store, made["id"], "red"))["status"] == exports.STOPPED
