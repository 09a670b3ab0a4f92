"""Requests as they are recorded: written once, found newest first, forgotten in small steps; on both databases."""

import asyncio

import pytest
import sqlalchemy as sa

from gateway.store import records
from gateway.store.filters import Filters
from gateway.store.tables import feedback
from tests.gateway.store.made import NOW, row

ALL = Filters()


async def ids(store, filters):
    return {found["id"] for found in (await records.find(store, filters, size=100))[1]}


async def test_a_row_is_found_as_it_was_written(store):
    written = row(metadata={"team": "ads", "note": "größer 🦦"}, more={"attempts": [{"ms": 3.5}], "empty": None})
    assert await records.insert(store, [written]) == 1
    assert await records.get(store, written["id"], None) == written


async def test_a_row_that_is_shipped_twice_counts_once(store):
    rows = [row() for _ in range(20)]
    assert await records.insert(store, [*rows, *rows[:5]]) == 20
    assert await records.insert(store, [*rows, row()]) == 1
    assert await records.count(store, ALL) == 21


async def test_the_same_rows_from_two_sides_at_once_count_once(store):
    rows = [row() for _ in range(200)]
    new = await asyncio.gather(records.insert(store, rows), records.insert(store, rows[::-1]))
    assert sum(new) == 200
    assert await records.count(store, ALL) == 200


async def test_nothing_to_insert_is_no_transaction(store):
    assert await records.insert(store, []) == 0


@pytest.mark.parametrize(
    "strange",
    [
        {"user": "a\0b"},
        {"user": "half \ud800"},
        {"prompt": "nothing\0here"},
        {"metadata": {"a\0": "b\0c"}},
        {"more": {"said": ["\ud83d", {"deep": "\0"}]}},
        {
            "user": "é" * 5000,
            "model": "m" * 9000,
            "trace_id": "t" * 9000,
            "provider": "🦦" * 3000,
            "api_key": "k" * 3000,
        },
        {"metadata": {"long": "x" * 100_000}},
        {"more": {"backslash": "\\u0000"}},
    ],
    ids=", ".join,
)
async def test_a_strange_row_is_kept_and_takes_no_other_with_it(store, strange):
    odd, plain = row(**strange), row()
    assert await records.insert(store, [plain, odd]) == 2
    kept = await records.get(store, odd["id"], None)
    assert kept is not None
    assert "\0" not in str(kept)
    assert len((kept["user"] or "").encode()) <= 256


async def test_clipping_never_cuts_a_character_in_two(store):
    written = row(user="a" + "é" * 400)
    await records.insert(store, [written])
    assert (await records.get(store, written["id"], None))["user"] == "a" + "é" * 127


async def test_pages_are_newest_first_and_hold_each_row_once(store):
    rows = [row(created_ms=NOW + number // 3) for number in range(50)]
    await records.insert(store, rows)
    expected = sorted(((made["created_ms"], made["id"]) for made in rows), reverse=True)
    by_number = []
    for page in range(6):
        total, found = await records.find(store, ALL, size=10, page=page)
        assert total == 50
        by_number += [(each["created_ms"], each["id"]) for each in found]
    assert by_number == expected
    by_place, after = [], None
    while True:
        _, found = await records.find(store, ALL, size=7, after=after)
        if not found:
            break
        by_place += [(each["created_ms"], each["id"]) for each in found]
        after = by_place[-1]
    assert by_place == expected


async def test_a_list_leaves_out_what_only_the_whole_record_tells(store):
    await records.insert(store, [row()])
    _, found = await records.find(store, ALL, size=1)
    assert "more" not in found[0]


async def test_all_pages_come_in_order_and_what_is_written_meanwhile_does_not(store):
    await records.insert(store, [row(created_ms=NOW + number // 2) for number in range(450)])
    got = []
    async for part in records.pages(store, ALL):
        got += part
        await records.insert(store, [row(created_ms=NOW + 10_000)])
    assert len(got) == len({each["id"] for each in got}) == 450
    assert [each["created_ms"] for each in got] == sorted((each["created_ms"] for each in got), reverse=True)


async def test_pages_hold_no_connection_between_them(store):
    await records.insert(store, [row(created_ms=NOW + number) for number in range(250)])
    readers = [records.pages(store, ALL) for _ in range(30)]  # more than there are connections
    firsts = [await anext(reader) for reader in readers]
    assert {len(first) for first in firsts} == {100}
    assert await records.count(store, ALL) == 250
    for reader in readers:
        await reader.aclose()


async def test_opinions_are_forgotten_with_what_they_are_about(store):
    async with store.write() as connection:
        common = {"workspace": "red", "trace_id": "t", "value": 1, "weight": 1.0, "metadata": {}, "updated_ms": NOW}
        rows = [{"id": str(number), "created_ms": NOW + number, **common} for number in range(10)]
        await connection.execute(sa.insert(feedback), rows)
    assert [await records.forget(store, NOW + 7, at_most=4) for _ in range(3)] == [4, 3, 0]
    async with store.read() as connection:
        assert set(await connection.scalars(sa.select(feedback.c.id))) == {"7", "8", "9"}


async def test_the_oldest_are_forgotten_in_small_steps(store):
    rows = [row(created_ms=NOW + number) for number in range(30)]
    await records.insert(store, rows)
    assert await records.forget(store, NOW + 20, at_most=8) == 8
    assert await ids(store, ALL) == {made["id"] for made in rows[8:]}
    assert [await records.forget(store, NOW + 20, at_most=8) for _ in range(3)] == [8, 4, 0]
    assert await ids(store, ALL) == {made["id"] for made in rows[20:]}


FILTERS = [
    (Filters(workspace="red"), {"workspace": "red"}),
    (Filters(since_ms=NOW + 5, until_ms=NOW + 6), {"created_ms": NOW + 5}),
    (Filters(statuses=(429, 503)), {"status": 503}),
    (Filters(providers=("google",)), {"provider": "google"}),
    (Filters(models=("imagen-4",)), {"model": "imagen-4"}),
    (Filters(pairs=(("google", "imagen-4"),)), {"provider": "google", "model": "imagen-4"}),
    (Filters(virtual_keys=("vk",)), {"virtual_key": "vk"}),
    (Filters(configs=("pc-x",)), {"config": "pc-x"}),
    (Filters(api_keys=("ak",)), {"api_key": "ak"}),
    (Filters(traces=("t-1", "t-2")), {"trace_id": "t-2"}),
    (Filters(caches=("HIT",)), {"cache": "HIT"}),
    (Filters(metadata={"team": "art", "stage": "é'; --"}), {"metadata": {"team": "art", "stage": "é'; --"}}),
    (Filters(metadata={"a.b[0]": "c"}), {"metadata": {"a.b[0]": "c"}}),
    (Filters(cost_min=50_000), {"cost_micros": 50_000}),
    (Filters(cost_max=30_000), {"cost_micros": 30_000}),
    (Filters(images_min=2), {"images": 2}),
    (Filters(images_max=0), {"images": 0}),
]


@pytest.mark.parametrize(("filters", "values"), FILTERS, ids=[", ".join(values) for _, values in FILTERS])
async def test_each_filter_finds_what_passes_it_and_nothing_else(store, filters, values):
    meant = row(**values)
    others = [row(), row(cost_micros=None) if "cost_micros" in values else row()]
    await records.insert(store, [meant, *others])
    assert await ids(store, filters) == {meant["id"]}
    assert await records.count(store, filters) == 1


async def test_a_pair_is_not_two_words(store):
    crossed = row(provider="openai", model="imagen-4")
    await records.insert(store, [crossed])
    assert await ids(store, Filters(pairs=(("google", "imagen-4"), ("openai", "gpt-image-1")))) == set()


async def test_another_workspaces_record_is_as_if_there_were_none(store):
    written = row(workspace="red")
    await records.insert(store, [written])
    assert await records.get(store, written["id"], "blue") is None
    assert await records.get(store, written["id"], "red") == written
    assert await records.get(store, "\0", None) is None


@pytest.mark.parametrize("field", ["_user", "it's", "a.b", "größe"])
async def test_who_asked_lately_is_known_by_workspace_the_latest_first(store, field):
    asked = [("red", "ann"), ("blue", "ann"), ("red", "bob"), ("red", "ann"), ("red", ""), ("red", None), ("red", 7)]
    await records.insert(
        store,
        [
            row(workspace=workspace, created_ms=NOW + number, metadata={} if user is None else {field: user})
            for number, (workspace, user) in enumerate(asked)
        ],
    )
    found = await records.lately_named(store, field, 10)
    assert found == [("red", "7"), ("red", "ann"), ("red", "bob"), ("blue", "ann")]
    assert await records.lately_named(store, field, 1) == found[:1]
    assert await records.lately_named(store, "nobody", 10) == []
