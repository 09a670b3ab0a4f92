import asyncio
import time

import pytest

from gateway import virtual_time


async def test_an_hour_costs_nothing_and_ends_to_the_second():
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    await asyncio.sleep(3600)
    assert loop.time() == 3600
    assert time.perf_counter() - began < 1


async def test_timers_fire_in_the_order_of_their_times_whoever_set_them_first():
    order = []

    async def wake(seconds):
        await asyncio.sleep(seconds)
        order.append((seconds, asyncio.get_running_loop().time()))

    await asyncio.gather(wake(3), wake(1), wake(2.5))
    assert order == [(1, 1), (2.5, 2.5), (3, 3)]


async def test_more_than_a_day_passes_though_no_selector_waits_so_long():
    await asyncio.sleep(1_000_000)
    assert asyncio.get_running_loop().time() == 1_000_000


def test_a_forgotten_wake_up_is_an_error_and_no_hang():
    async def forgotten():
        await asyncio.Event().wait()

    with pytest.raises(virtual_time.Stalled, match="no virtual time"):
        virtual_time.run(forgotten())


@pytest.mark.filterwarnings("ignore:The executor did not finish")  # Python 3.13 waits for it, in virtual time
def test_waiting_for_a_thread_is_an_error_and_no_hang():
    with pytest.raises(virtual_time.Stalled):
        virtual_time.run(asyncio.to_thread(time.sleep, 1))


def test_each_run_starts_at_second_zero_and_returns_what_was_returned():
    async def now():
        await asyncio.sleep(1)
        return asyncio.get_running_loop().time()

    assert [virtual_time.run(now()), virtual_time.run(now())] == [1, 1]


def test_an_exception_comes_out_as_it_is():
    async def broken():
        await asyncio.sleep(1)
        raise LookupError

    with pytest.raises(LookupError):
        virtual_time.run(broken())
