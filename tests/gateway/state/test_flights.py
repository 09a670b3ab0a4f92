"""One call for all who want the same: who makes it, who waits, and who takes over."""

import asyncio

import pytest

from gateway.state import Flights

LONG = 1e9


class Calls:
    """Calls by script: each takes a second."""

    def __init__(self, *results, judge=lambda result: "for all"):
        self.flights = Flights()
        self.results = [*results]
        self.began = []
        self.judge = judge

    async def call(self):
        self.began.append(asyncio.get_running_loop().time())
        result = self.results.pop(0)
        await asyncio.sleep(1)
        if isinstance(result, Exception):
            raise result
        return result

    def join(self, key=b"a", until=LONG):
        return self.flights.join(key, self.call, self.judge, until=until)


async def test_all_who_come_meanwhile_get_the_result_of_the_first():
    calls = Calls("one", "two")
    assert await asyncio.gather(*(calls.join() for _ in range(3))) == [("one", True), ("one", False), ("one", False)]
    assert await calls.join() == ("two", True)
    assert calls.began == [0, 1]


async def test_what_is_for_something_else_waits_for_nobody():
    calls = Calls("one", "two")
    assert await asyncio.gather(calls.join(b"a"), calls.join(b"b")) == [("one", True), ("two", True)]
    assert calls.began == [0, 0]


async def test_after_a_result_that_is_not_for_all_the_next_one_calls():
    calls = Calls("bad", "good", judge=lambda result: "for all" if result == "good" else "next")
    assert await asyncio.gather(*(calls.join() for _ in range(3))) == [("bad", True), ("good", True), ("good", False)]
    assert calls.began == [0, 1]


async def test_after_a_result_for_one_alone_each_makes_its_own_call_at_once():
    calls = Calls(1, 2, 3, judge=lambda result: "each")
    assert await asyncio.gather(*(calls.join() for _ in range(3))) == [(1, True), (2, True), (3, True)]
    assert calls.began == [0, 1, 1]


async def test_a_crash_is_that_one_s_alone():
    calls = Calls(RuntimeError("a bug"), "good")
    crashed, second, third = await asyncio.gather(*(calls.join() for _ in range(3)), return_exceptions=True)
    assert (str(crashed), second, third) == ("a bug", ("good", True), ("good", False))


async def test_who_waits_too_long_leaves_and_the_rest_stays():
    calls = Calls("one")
    first = asyncio.create_task(calls.join())
    await asyncio.sleep(0)
    late, patient = await asyncio.gather(calls.join(until=0.5), calls.join(), return_exceptions=True)
    assert isinstance(late, TimeoutError)
    assert (await first, patient) == (("one", True), ("one", False))


@pytest.mark.parametrize("leaver", [0, 1, 2])
async def test_whoever_leaves_the_others_get_their_result(leaver):
    calls = Calls("one", "two")
    tasks = [asyncio.create_task(calls.join()) for _ in range(3)]
    await asyncio.sleep(0.5)
    tasks[leaver].cancel()
    got = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(got.pop(leaver), asyncio.CancelledError)
    assert len(calls.began) == (2 if leaver == 0 else 1)
    assert sorted(own for _, own in got) == [False, True]


async def test_who_leaves_in_the_moment_of_its_turn_hands_it_on():
    calls = Calls("one", "two")
    first, second, third = [asyncio.create_task(calls.join()) for _ in range(3)]
    await asyncio.sleep(0.5)
    first.cancel()
    asyncio.get_running_loop().call_soon(second.cancel)  # after the first is gone, before the second runs
    assert await third == ("two", True)
    assert (first.cancelled(), second.cancelled()) == (True, True)
    assert calls.flights._waiting == {}


async def test_nothing_is_remembered_of_calls_that_are_over():
    calls = Calls(*range(4), judge=lambda result: ["next", "for all", "each"][result % 3])
    for key in (b"a", b"b", b"c"):
        await asyncio.gather(calls.join(key))
    late = asyncio.create_task(calls.join())
    await asyncio.sleep(0.5)
    late.cancel()
    await asyncio.wait([late])
    assert calls.flights._waiting == {}
