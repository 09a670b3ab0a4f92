"""The byte budget: who asks for too much waits in turn, and nobody waits for ever."""

import asyncio
import random

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


async def test_of_those_who_hold_some_one_at_a_time_is_given_more_than_there_is(budget):
    first, second = budget.room(), budget.room()
    await first.take(50)
    await second.take(50)
    tasks = [asyncio.create_task(room.take(50)) for room in (first, second)]
    assert await settled(*tasks) == [True, False]
    assert budget.used == 150
    first.leave()
    assert await settled(*tasks) == [True, True]
    second.leave()
    assert budget.used == 0


async def test_who_was_given_more_than_there_is_passes_it_on_once_that_is_paid_back(budget):
    first, second, third = (budget.room() for _ in range(3))
    for room in (first, second, third):
        await room.take(30)
    await first.take(40)
    waiting = asyncio.create_task(second.take(50))
    assert await settled(waiting) == [False]
    first.give(30)  # what is held fits again, though more does not
    assert await settled(waiting) == [True]
    assert budget.used == 150


async def test_who_waits_for_an_answer_comes_before_who_brings_pictures(budget):
    holding, bringing, answered = (budget.room() for _ in range(3))
    await holding.take(100)
    tasks = [asyncio.create_task(bringing.take(60, last=True)), asyncio.create_task(answered.take(60))]
    assert await settled(*tasks) == [False, False]
    holding.leave()
    assert await settled(*tasks) == [False, True]
    answered.leave()
    assert await settled(*tasks) == [True, True]


@pytest.mark.parametrize("seed", range(20))
async def test_many_edits_stay_within_the_budget_and_what_one_of_them_takes(budget, seed):
    """Each holds its pictures while its answers come, several at once where it fans out; some are cancelled."""
    rng = random.Random(seed)
    most = 0

    async def pause():
        nonlocal most
        most = max(most, budget.used)
        for _ in range(rng.randrange(5)):
            await asyncio.sleep(0)

    async def share(room):
        await room.take(20)
        await pause()
        await room.take(10)
        await pause()
        room.give(20)

    async def edit():
        room = budget.room()
        try:
            await room.take(5, last=True)
            await pause()
            room.give(5)
            await asyncio.gather(*(share(room) for _ in range(rng.choice([1, 1, 4]))))
            await pause()
        finally:
            room.leave()

    tasks = [asyncio.create_task(edit()) for _ in range(200)]
    for _ in range(100):
        await pause()
        rng.choice(tasks).cancel()
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(not task.cancelled() for task in tasks) > 50
    assert 100 < most <= 100 + 4 * 30
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
