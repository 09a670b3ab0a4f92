"""Timers that wait together: they ring at their moment, cost nothing where they are called off, and leave nothing."""

import asyncio
import gc
import math
import threading

import pytest

from strategies import Alarm, Until

SECONDS = [0.0, 0.05, 0.15, 0.2, 0.25, 5.0, 180.0]


def now():
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("seconds", SECONDS)
@pytest.mark.parametrize("late", [0.0, 0.03, 7.0])
async def test_an_alarm_rings_at_its_moment(seconds, late):
    await asyncio.sleep(late)
    rang, when = [], now() + seconds
    Alarm(when, lambda: rang.append(now()), asyncio.get_running_loop())
    await asyncio.sleep(seconds + 1)
    assert rang == [pytest.approx(when, abs=1e-9)]


@pytest.mark.parametrize("seconds", SECONDS[1:])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
async def test_one_that_is_called_off_does_not(seconds, share):
    alarm = Alarm(now() + seconds, lambda: pytest.fail("it rang"), asyncio.get_running_loop())
    await asyncio.sleep(seconds * share)
    alarm.cancel()
    await asyncio.sleep(seconds + 1)


@pytest.mark.parametrize("seconds", SECONDS)
async def test_what_takes_too_long_is_ended(seconds):
    began = now()
    with Until(began + seconds) as limit:
        await asyncio.sleep(math.inf)
    assert limit.expired
    assert now() == pytest.approx(began + seconds, abs=1e-9)
    assert not asyncio.current_task().cancelling(), "its cancellation is taken back"


@pytest.mark.parametrize("seconds", SECONDS[1:])
async def test_what_is_done_in_time_is_left_alone(seconds):
    with Until(now() + seconds) as limit:
        await asyncio.sleep(seconds / 2)
    await asyncio.sleep(seconds)
    assert not limit.expired


@pytest.mark.parametrize(("first", "then"), [(1.0, 9.0), (9.0, 1.0), (0.1, 9.0), (9.0, 0.1)])
async def test_the_moment_can_be_moved(first, then):
    with Until(now() + first) as limit:
        limit.move(now() + then)
        await asyncio.sleep(math.inf)
    assert limit.expired
    assert now() == pytest.approx(then)


async def test_a_cancellation_of_somebody_else_passes():
    async def work():
        with Until(now() + 5):
            await asyncio.sleep(math.inf)

    task = asyncio.ensure_future(work())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_one_that_comes_at_the_same_moment_passes_too():
    async def work():
        with Until(now() + 5) as limit:
            await asyncio.sleep(math.inf)
        return limit

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_at(5, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_its_own_passes():
    with pytest.raises(LookupError), Until(now() + 5):
        raise LookupError
    with pytest.raises(TimeoutError), Until(now() + 5):
        raise TimeoutError


class Slow(TimeoutError):
    """What a library makes of a cancellation."""


@pytest.mark.parametrize("error", [TimeoutError, Slow])
async def test_what_became_of_its_cancellation_is_its_own(error):
    with Until(now() + 5) as limit:
        try:
            await asyncio.sleep(math.inf)
        except asyncio.CancelledError:
            raise error from None
    assert limit.expired


async def test_the_inner_of_two_ends_alone():
    with Until(now() + 9) as outer:
        with Until(now() + 2) as inner:
            await asyncio.sleep(math.inf)
        await asyncio.sleep(1)
    assert (inner.expired, outer.expired) == (True, False)


async def test_what_is_over_soon_asks_the_loop_for_no_timer_and_leaves_no_garbage(monkeypatch):
    loop, timers = asyncio.get_running_loop(), []
    monkeypatch.setattr(loop, "call_at", lambda *_, **__: timers.append("call_at"))
    monkeypatch.setattr(loop, "call_later", lambda *_, **__: timers.append("call_later"))
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            with Until(now() + 60):
                pass
        assert timers in ([], ["call_later"]), "one clock for all of them"
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_each_loop_has_its_own_whether_they_run_one_after_the_other_or_side_by_side():
    rang = []

    async def ring():
        with Until(now() + 0.3):
            await asyncio.sleep(math.inf)
        rang.append(True)

    def twice():
        asyncio.run(ring())
        asyncio.run(ring())

    threads = [threading.Thread(target=twice) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert rang == [True] * 6


def test_it_needs_a_task():
    async def main():
        failed = asyncio.get_running_loop().create_future()

        def call():
            try:
                Until(1.0)
            except RuntimeError as error:
                failed.set_result(str(error))

        asyncio.get_running_loop().call_soon(call)
        return await failed

    assert "only a task" in asyncio.run(main())
