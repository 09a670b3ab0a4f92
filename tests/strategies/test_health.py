"""What is remembered of a target: how long it takes, and when it may be asked again."""

import asyncio

import pytest

from strategies import Cause, Health
from strategies.health import LONGEST_THROTTLE
from tests.strategies.scripted import REFUSED, UNREACHABLE, UNSUPPORTED, error, failure


def measured(*seconds, at=0.0):
    health = Health()
    for each in seconds:
        health.measure(each, at)
    return health


def _ended(health, outcome, seconds, now=0.0):
    health.begin(now, again=False)
    health.end(outcome, seconds, now, again=False)


async def test_a_slower_answer_counts_at_once_and_a_faster_one_as_time_passes():
    health = measured(1.0, 9.0)
    assert health.load == 9.0
    health.measure(1.0, 0.0)
    assert health.load == 9.0
    await asyncio.sleep(10)
    health.measure(1.0, 10.0)
    assert health.load == pytest.approx(1 + 8 / 2.718, rel=0.001)


async def test_what_is_under_way_counts_as_often():
    health = measured(4.0)
    health.in_flight = 3
    assert health.load == 16.0


async def test_an_idle_target_is_forgiven_and_one_that_is_busy_is_not():
    idle, busy = measured(60.0), measured(60.0)
    busy.in_flight = 1
    await asyncio.sleep(120)
    assert idle.load == pytest.approx(60 / 2.718**2, rel=0.001)
    assert busy.load == 120


async def test_what_is_not_known_yet_is_asked_first_and_by_one_request_only():
    unknown, known = Health(), measured(5.0)
    assert unknown.load < known.load
    unknown.in_flight = 1
    assert unknown.load > known.load


@pytest.mark.parametrize(
    ("failed", "slow"),
    [
        (UNREACHABLE, True),
        (error(500), True),
        (error(429), True),
        (failure(Cause.AUTH, 401), True),
        (failure(Cause.EMPTY), True),
        (REFUSED, False),
        (UNSUPPORTED, False),
        (failure(Cause.INVALID, 400), False),
        (failure(Cause.DEADLINE), False),
        (failure(Cause.UNREACHABLE, skipped=True), False),
        (None, False),
    ],
    ids=str,
)
async def test_a_target_that_fails_at_once_is_not_a_quick_one(failed, slow):
    health = measured(2.0)
    _ended(health, failed, 0.0)
    assert (health.load > 2.0) is slow


def test_the_95th_percentile_needs_twenty_answers():
    assert measured(*range(19)).p95 is None
    assert measured(*range(20)).p95 == 19
    assert measured(*range(100)).p95 == 95
    assert measured(*range(1000)).p95 == 993, "of the last 128"


def test_those_that_were_left_after_long_are_among_the_slow_ones():
    health = measured(*[2.0] * 100)
    for _ in range(20):
        _ended(health, None, 1.0)
        assert health.p95 == 2.0, "a caller who left early says nothing"
    for _ in range(20):
        _ended(health, None, 30.0)
    assert health.p95 == 30.0


@pytest.mark.parametrize(
    ("failed", "until"),
    [
        (error(429, retry_after=5), 105),
        (error(429, retry_after=1e12), 100 + LONGEST_THROTTLE),
        (error(429), 50),
        (failure(Cause.RATE_LIMITED, 503, retry_after=5), 105),
        (error(500, retry_after=5), 50),
    ],
    ids=["a pause", "too long a pause", "no pause named", "a 503 that is a rate limit", "an error"],
)
def test_it_is_left_alone_for_as_long_as_it_asked(failed, until):
    health = Health()
    health.throttled = 50.0
    _ended(health, failed, 0.0, now=100.0)
    assert health.throttled == until
