"""The byte budget: who asks for too much waits in turn, and nobody waits for ever."""

import asyncio

import pytest

from gateway.transport import ByteBudget


async def settled(*tasks):
    """Let everything run that can; return which tasks are done."""
    for _ in range(20):
        await asyncio.sleep(0)
    return [task.done() for task in tasks]


@pytest.fixture
def budget():
    return ByteBudget(100)


async def test_who_asks_for_too_much_waits_until_others_leave(budget):
    first, second = budget.room(), budget.room()
    await first.take(80)
    waiting = asyncio.create_task(second.take(30))
    assert await settled(waiting) == [False]
    first.leave()
    assert await settled(waiting) == [True]
    assert (budget.used, second.held) == (30, 30)


async def test_nobody_overtakes_who_waits(budget):
    holding, large, small = budget.room(), budget.room(), budget.room()
    await holding.take(60)
    tasks = [asyncio.create_task(large.take(70))]
    await settled()
    tasks.append(asyncio.create_task(small.take(10)))
    assert await settled(*tasks) == [False, False]
    holding.leave()
    assert await settled(*tasks) == [True, True]


async def test_what_is_larger_than_all_gets_its_turn_alone(budget):
    small, large = budget.room(), budget.room()
    await small.take(1)
    waiting = asyncio.create_task(large.take(1000))
    assert await settled(waiting) == [False]
    small.leave()
    assert await settled(waiting) == [True]


async def test_who_holds_some_never_waits(budget):
    first, second = budget.room(), budget.room()
    await first.take(50)
    await second.take(50)
    async with asyncio.timeout(1):
        await first.take(50)
        await second.take(50)
    first.leave()
    second.leave()
    assert budget.used == 0


async def test_several_pictures_of_several_requests_never_wait_for_each_other(budget):
    """Both ask for all of theirs at once: who got one of them must get the others as well."""
    rooms = [budget.room() for _ in range(3)]
    tasks = [asyncio.create_task(room.take(40)) for _ in range(3) for room in rooms]
    for room in rooms:
        await settled()
        assert room.held == 120
        room.leave()
    assert await settled(*tasks) == [True] * 9
    assert budget.used == 0


async def test_who_stops_waiting_holds_up_nobody(budget):
    holding, leaving, staying = (budget.room() for _ in range(3))
    await holding.take(60)
    gone, waiting = asyncio.create_task(leaving.take(90)), asyncio.create_task(staying.take(40))
    assert await settled(gone, waiting) == [False, False]
    gone.cancel()
    assert await settled(gone, waiting) == [True, True]
    assert (budget.used, leaving.held) == (100, 0)


async def test_who_is_cancelled_at_the_moment_of_its_turn_gives_it_back(budget):
    holding, leaving = budget.room(), budget.room()
    await holding.take(100)
    gone = asyncio.create_task(leaving.take(50))
    await settled()
    holding.leave()
    gone.cancel()
    assert await settled(gone) == [True]
    assert (budget.used, leaving.held) == (0, 0)
