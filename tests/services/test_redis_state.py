"""Keys and bytes on a real server: what every store can do, and values of any size."""

import asyncio
import os

import pytest

from gateway.state import StateLost
from gateway.state.redis import RedisState, Server
from gateway.state.redis import cache as cache_module

MIB = 1 << 20
SIZES = [0, 1, cache_module.WHOLE_BYTES, cache_module.WHOLE_BYTES + 1, MIB, MIB + 1, 5 * MIB, 9 * MIB + 7]


@pytest.fixture
def state(server):
    return RedisState(server)


async def names(server):
    return sorted(await server.do("KEYS", server.key("*")))


async def settled(server):
    while server._errands:
        await asyncio.gather(*server._errands)


@pytest.mark.parametrize("size", SIZES)
async def test_values_of_any_size_come_back_as_they_were(state, size):
    value = os.urandom(size)
    await state.put(b"key", value, 60)
    assert await state.get(b"key") == value


async def test_keys_are_any_bytes(state):
    for number, key in enumerate([b"", b"\x00\xff{a}", b"a b\r\n", b"{", b"x" * 1000]):
        await state.put(key, b"%d" % number, 60)
        assert await state.get(key) == b"%d" % number


async def test_a_value_that_looks_like_a_list_of_pieces_is_none(state):
    value = cache_module._MARK + b"ab:1:5"
    await state.put(b"key", value, 60)
    assert await state.get(b"key") == value


async def test_what_another_program_wrote_under_our_name_is_nothing(state, server):
    await server.do("SET", server.key("state:key"), cache_module._MARK + b"nonsense")
    assert await state.get(b"key") is None
    await server.do("DEL", server.key("state:key"))
    await server.do("LPUSH", server.key("state:key"), "a")
    with pytest.raises(StateLost, match="WRONGTYPE"):
        await state.get(b"key")


async def test_adding_keeps_what_is_there(state, server):
    assert await state.add(b"key", b"one", 60)
    assert not await state.add(b"key", b"two" * MIB, 60)
    assert await state.get(b"key") == b"one"
    await settled(server)
    assert await names(server) == [server.key("state:key")]


async def test_dropping_and_replacing_leave_no_pieces(state, server):
    await state.put(b"key", bytes(3 * MIB), 60)
    assert len(await names(server)) == 4
    await state.put(b"key", b"one" * MIB, 60)
    await settled(server)
    assert len(await names(server)) == 4
    await state.put(b"key", b"small", 60)
    await settled(server)
    assert len(await names(server)) == 1
    await state.put(b"key", bytes(3 * MIB), 60)
    await state.drop(b"key")
    await settled(server)
    assert await names(server) == []
    assert await state.get(b"key") is None


async def test_what_is_too_large_is_not_kept_nor_what_it_would_have_replaced(state, server, monkeypatch):
    monkeypatch.setattr(cache_module, "LONGEST_BYTES", MIB)
    await state.put(b"key", b"old", 60)
    await state.put(b"key", bytes(MIB + 1), 60)
    assert await state.get(b"key") is None
    assert not await state.add(b"other", bytes(MIB + 1), 60)


async def test_a_value_ends_with_its_time_and_so_do_its_pieces(state, server):
    await state.put(b"short", b"a", 0.05)
    await state.put(b"none", b"a", 0)
    await state.put(b"large", bytes(2 * MIB), 0.1)
    await asyncio.sleep(0.15)
    assert [await state.get(key) for key in (b"short", b"none", b"large")] == [None] * 3
    pieces = [name for name in await names(server) if b"piece" in name]
    left = [await server.do("PTTL", name) for name in pieces]
    assert len(left) == 2
    assert all(50_000 < milliseconds <= 60_100 for milliseconds in left)


async def test_a_number_counts_from_its_first_one(state):
    assert await asyncio.gather(*(state.count(b"key", 0.2) for _ in range(10))) == list(range(1, 11))
    assert await state.get(b"key") == b"10"
    await asyncio.sleep(0.25)
    assert await state.count(b"key", 60) == 1


async def test_a_value_whose_piece_is_gone_is_gone(state, server):
    await state.put(b"key", bytes(3 * MIB), 60)
    await server.do("DEL", next(name for name in await names(server) if b"piece" in name))
    assert await state.get(b"key") is None


async def test_who_reads_while_others_replace_gets_one_whole_value_or_none(state):
    values = {bytes([number]) * (2 * MIB) for number in range(4)}
    kinds = {None}

    async def write():
        for value in [*values] * 3:
            await state.put(b"key", value, 60)

    async def read():
        while not writing.done():
            kinds.add(await state.get(b"key"))

    writing = asyncio.create_task(write())
    await asyncio.gather(writing, read(), read())
    kinds.add(await state.get(b"key"))
    assert kinds <= values | {None}
    assert len(kinds) > 1


async def test_large_values_do_not_hold_up_small_steps(state, server):
    large, loop = bytes(40 * MIB), asyncio.get_running_loop()
    await state.put(b"key", large, 60)
    reading = asyncio.create_task(state.get(b"key"))
    waits, start = [], loop.time()
    while not reading.done():
        began = loop.time()
        await server.do("PING")
        waits.append(loop.time() - began)
    assert await reading == large
    assert len(waits) > 5  # were they to wait for it, there would be one or two
    assert sorted(waits)[len(waits) // 2] < (loop.time() - start) / 20


async def test_a_large_value_takes_little_more_than_itself_while_it_is_read(state):
    import tracemalloc  # noqa: PLC0415

    size = 40 * MIB
    await state.put(b"key", bytes(size), 60)
    tracemalloc.start()
    value = await state.get(b"key")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(value) == size
    assert peak < 1.5 * size
    await state.drop(b"key")


async def test_a_full_server_says_so(own_redis):
    server = Server(own_redis.url)
    state = RedisState(server)
    await server.do("CONFIG SET", "maxmemory", "3mb")
    with pytest.raises(StateLost, match="maxmemory"):
        await state.put(b"key", bytes(4 * MIB), 60)
    assert not server.is_lost
    assert await state.get(b"key") is None
    await settled(server)
    assert len(await names(server)) == 0
    await server.close()
