"""Stored configs and their versions, on both databases."""

import asyncio

import pytest

from gateway.store import configs
from gateway.store.changes import changes_after
from gateway.store.kept import Ambiguous, Missing, Outdated, Taken, changing, current, new_id

DOCUMENT = {
    "targets": [{"provider": "sandbox", "weight": 0.5, "flag": True, "none": None, "words": "é ☃ '\""}],
    "n": 2**62,
}


def values(workspace="red", slug="mine", **more):
    id_ = new_id()
    return {"id": id_, "workspace": workspace, "name": "x", "slug": slug, "document": DOCUMENT, "is_default": 0, **more}


async def made(store, **more):
    async with changing(store, "tester") as change:
        return await configs.create(change, values(**more))


async def changed(store, id_, **new):
    async with changing(store, "tester") as change:
        return await configs.update(change, await configs.find(change.connection, None, id_), new)


async def found(store, workspace, name):
    async with store.read() as connection:
        return await configs.find(connection, workspace, name)


async def test_a_config_comes_back_as_it_was(store):
    row = await made(store)
    again = await found(store, "red", "mine")
    assert again == row == await found(store, None, row["id"])
    assert (again["document"], again["version"], again["created_by"]) == (DOCUMENT, 1, "tester")


@pytest.mark.parametrize("name", ["other", "MINE", "mine ", "", "x" * 200, "mine'--", "mi%", "a\0b"])
async def test_another_name_is_missing(store, name):
    await made(store)
    for workspace in ("red", None):
        with pytest.raises(Missing):
            await found(store, workspace, name)


async def test_another_workspace_has_nothing_of_it(store):
    row = await made(store)
    for name in ("mine", row["id"]):
        with pytest.raises(Missing):
            await found(store, "blue", name)


async def test_a_slug_is_taken_once_in_a_workspace(store):
    first = await made(store)
    with pytest.raises(Taken):
        await made(store)
    other = await made(store, workspace="blue")
    with pytest.raises(Ambiguous):
        await found(store, None, "mine")
    assert (await found(store, None, first["id"]))["workspace"] == "red"
    assert (await found(store, "blue", "mine"))["id"] == other["id"]


async def test_a_slug_that_is_anothers_id_does_not_hide_it(store):
    first = await made(store)
    await made(store, slug=first["id"])
    assert (await found(store, "red", first["id"]))["slug"] == "mine"


async def test_each_change_is_a_version_and_a_revision(store):
    row = await made(store)
    for number in range(2, 5):
        row = await changed(store, row["id"], name=f"n{number}")
        assert (row["version"], row["revision"], row["name"]) == (number, number, f"n{number}")
    assert await changed(store, row["id"], name="n4", document=DOCUMENT) == row
    async with store.read() as connection:
        total, rows = await configs.versions(connection, row["id"], 2, 0)
        assert (total, [each["version"] for each in rows]) == (4, [4, 3])
        assert rows[0]["id"] == row["version_id"]
        first = await configs.numbered(connection, row["id"], 1)
        assert await configs.version(connection, row["id"], first["id"]) == first
        for id_ in ("nothing", "a b"):
            with pytest.raises(Missing):
                await configs.version(connection, row["id"], id_)


async def test_of_a_workspace_one_is_the_default_and_the_others_are_told(store):
    first = await made(store, slug="a", is_default=1)
    await made(store, slug="o", workspace="blue", is_default=1)
    known = (await changes_after(store, 0)).revision
    second = await made(store, slug="b", is_default=1)
    changes = await changes_after(store, known)
    assert {row["id"]: row["is_default"] for row in changes.configs} == {first["id"]: 0, second["id"]: 1}
    assert (await found(store, "blue", "o"))["is_default"] == 1


async def test_what_is_removed_is_gone_and_told(store):
    row = await made(store, is_default=1)
    async with changing(store, "tester") as change:
        await configs.remove(change, await configs.find(change.connection, None, row["id"]))
    with pytest.raises(Missing):
        await found(store, None, row["id"])
    [gone] = (await changes_after(store, row["revision"])).configs
    assert (gone["status"], gone["document"], gone["is_default"]) == ("removed", {}, 0)
    async with store.read() as connection:
        assert (await configs.numbered(connection, row["id"], 1))["document"] == {}
        assert await configs.page(connection, None, 10, 0) == (0, [])
    await made(store)


async def test_pages_hold_all_of_them_once(store):
    for number in range(7):
        await made(store, slug=f"s{number}", workspace="red" if number % 2 else "blue")
    async with store.read() as connection:
        pages = [await configs.page(connection, None, 3, number) for number in range(4)]
        mine = await configs.page(connection, "red", 10, 0)
    assert [total for total, _ in pages] == [7] * 4
    assert sorted(row["slug"] for _, rows in pages for row in rows) == [f"s{number}" for number in range(7)]
    assert "document" not in pages[0][1][0]
    assert [row["slug"] for row in mine[1]] == ["s1", "s3", "s5"]


async def test_a_version_that_is_expected_has_to_be_the_one_of_now(store):
    row = await made(store)
    for expected in (None, "*", row["version_id"]):
        current(row, expected)
    with pytest.raises(Outdated) as caught:
        current(row, "another")
    assert caught.value.current == row["version_id"]


async def test_of_those_who_change_one_version_at_once_one_wins(store):
    row = await made(store)

    async def change_it(name):
        async with changing(store, name) as change:
            now = await configs.find(change.connection, "red", "mine")
            current(now, row["version_id"])
            await configs.update(change, now, {"name": name})

    results = await asyncio.gather(*(change_it(f"n{number}") for number in range(6)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NoneType"] + ["Outdated"] * 5


async def test_a_slug_that_several_ask_for_at_once_goes_to_one(store):
    results = await asyncio.gather(*(made(store) for _ in range(6)), return_exceptions=True)
    assert [type(result) for result in results if isinstance(result, Exception)] == [Taken] * 5
