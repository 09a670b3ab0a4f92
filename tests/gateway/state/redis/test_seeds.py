"""What counters begin with is asked once, however many want to know at once."""

import asyncio

import pytest

from gateway.ledger import LedgerLost, Spent
from gateway.state.redis.seeds import Seeds

A, B, C = ("a", "all"), ("b", "all"), ("c", "week")
ENDS = {A: b"", B: b"", C: b"7.0"}


class Garden:
    """What is asked and planted, by script."""

    def __init__(self, fault=None, seconds=1.0):
        self.asked, self.planted, self.fault, self.seconds = [], [], fault, seconds
        self.seeds = Seeds(self.seed, self.plant)

    async def seed(self, counters):
        self.asked.append(list(counters))
        await asyncio.sleep(self.seconds)
        if self.fault is not None:
            raise self.fault
        return [Spent(micros=ord(name)) for name, _ in counters]

    async def plant(self, seeds, ends):
        self.planted.append(({name: spent.micros for (name, _), spent in seeds.items()}, ends))

    def want(self, *counters):
        return asyncio.create_task(self.seeds.plant({counter: ENDS[counter] for counter in counters}))


async def test_each_counter_is_asked_for_once():
    garden = Garden()
    wants = [garden.want(A, C)]
    await asyncio.sleep(0)
    wants += [garden.want(A), garden.want(A, B), garden.want(B, C)]
    await asyncio.gather(*wants)
    assert garden.asked == [[A, C], [B]]
    assert garden.planted == [({"a": 97, "c": 99}, {A: b"", C: b"7.0"}), ({"b": 98}, {B: b""})]
    assert garden.seeds._coming == {}
    await garden.want(A)
    assert len(garden.asked) == 3


async def test_who_leaves_takes_nothing_from_the_others():
    garden = Garden()
    first, second = garden.want(A), garden.want(A)
    await asyncio.sleep(0.5)
    first.cancel()
    await second
    assert len(garden.planted) == 1


@pytest.mark.parametrize("fault", [OSError("down"), LedgerLost("down"), RuntimeError("a bug")])
async def test_a_fault_is_everybody_s_and_the_next_one_asks_again(fault):
    garden = Garden(fault)
    got = await asyncio.gather(*(garden.want(A) for _ in range(3)), return_exceptions=True)
    assert {type(each) for each in got} == {LedgerLost}
    assert len(garden.asked) == 1
    garden.fault = None
    await garden.want(A)
    assert garden.planted == [({"a": 97}, {A: b""})]


async def test_whoever_does_not_answer_is_not_waited_for_long():
    garden = Garden(seconds=1e6)
    with pytest.raises(LedgerLost):
        await garden.want(A)
    assert asyncio.get_running_loop().time() == 10


async def test_without_anybody_to_ask_counters_begin_at_nothing():
    assert await Seeds(None, None).ask([A, B]) == [Spent(), Spent()]
