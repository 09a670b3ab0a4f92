"""The store of one process: how long it keeps, how much, and what goes first."""

import asyncio

import pytest

from gateway.state import Memory

ENTRY = 300


async def held(state, *keys):
    return [await state.get(key) for key in keys]


async def test_a_value_is_kept_for_its_seconds():
    state = Memory(10_000)
    await state.put(b"a", b"1", 60)
    await asyncio.sleep(59)
    assert await state.get(b"a") == b"1"
    await asyncio.sleep(1)
    assert await state.get(b"a") is None
    assert state.used == 0


async def test_a_value_takes_the_place_of_the_one_before_and_its_seconds():
    state = Memory(10_000)
    await state.put(b"a", b"old", 10)
    await state.put(b"a", b"new", 60)
    await asyncio.sleep(59)
    assert await state.get(b"a") == b"new"
    assert state.used == 1 + 3 + ENTRY


async def test_only_the_first_of_two_is_added_until_its_time_is_over():
    state = Memory(10_000)
    assert [await state.add(b"a", value, 60) for value in (b"1", b"2")] == [True, False]
    assert await state.get(b"a") == b"1"
    await asyncio.sleep(60)
    assert await state.add(b"a", b"2", 60)


async def test_what_is_dropped_is_gone():
    state = Memory(10_000)
    await state.put(b"a", b"1", 60)
    await state.drop(b"a")
    await state.drop(b"never there")
    assert (await state.get(b"a"), state.used) == (None, 0)


async def test_a_number_counts_up_and_begins_anew_after_its_time():
    state = Memory(10_000)
    assert [await state.count(b"a", 60) for _ in range(3)] == [1, 2, 3]
    await asyncio.sleep(59)
    assert await state.count(b"a", 60) == 4  # counting does not make it live longer
    await asyncio.sleep(1)
    assert await state.count(b"a", 60) == 1


async def test_what_was_not_asked_for_the_longest_goes_first():
    state = Memory(3 * (ENTRY + 101))
    for key in (b"a", b"b", b"c"):
        await state.put(key, b"x" * 100, 60)
    await state.get(b"a")
    await state.put(b"d", b"x" * 100, 60)
    assert [value is not None for value in await held(state, b"a", b"b", b"c", b"d")] == [True, False, True, True]


async def test_a_large_value_drives_out_as_many_as_it_needs():
    state = Memory(4 * (ENTRY + 101))
    for key in (b"a", b"b", b"c", b"d"):
        await state.put(key, b"x" * 100, 60)
    await state.put(b"e", b"x" * 600, 60)
    assert [value is not None for value in await held(state, b"a", b"b", b"c", b"d", b"e")] == [
        *[False] * 3,
        True,
        True,
    ]


@pytest.mark.parametrize("limit", [0, 1000])
async def test_what_is_larger_than_all_of_it_is_not_kept_and_drives_nobody_out(limit):
    state = Memory(limit)
    await state.put(b"a", b"small", 60)
    await state.put(b"b", b"x" * 1001, 60)
    assert not await state.add(b"c", b"x" * 1001, 60)
    assert await held(state, b"a", b"b", b"c") == [b"small" if limit else None, None, None]


async def test_what_is_too_large_does_not_leave_an_old_value_in_its_place():
    state = Memory(1000)
    await state.put(b"a", b"old", 60)
    await state.put(b"a", b"x" * 1001, 60)
    assert await state.get(b"a") is None


async def test_it_never_takes_more_than_it_may():
    state = Memory(20_000)
    for number in range(500):
        await state.put(b"%d" % (number % 90), b"x" * (number * 37 % 3000), 60)
        await state.count(b"n%d" % (number % 7), 60)
        assert state.used <= 20_000
    assert state.used > 15_000
