"""How much a target in trouble is asked again, by all requests together."""

import asyncio
import itertools
import random

import pytest

from strategies import BreakerRule, Cause, Fallback, Health, RetryRule, Success
from strategies.retry_budget import RetryBudget
from tests.strategies.scripted import (
    CUT,
    HANGING,
    UNREACHABLE,
    Turn,
    Weather,
    always,
    ask,
    at_rest,
    error,
    failure,
    leaf,
    lent,
    target,
)

NEVER_OPENS = BreakerRule(consecutive=None, share=None)
LATE = 1000.0


def begun(times, now=0.0):
    budget = RetryBudget()
    for _ in range(times):
        budget.begin(now)
    return budget


def taken(budget, failed=UNREACHABLE, now=0.0, most=1000):
    """Take as many as there are, and return how many that was."""
    return sum(1 for _ in itertools.takewhile(bool, (budget.permits(failed, now) for _ in range(most))))


@pytest.mark.parametrize(("in_flight", "repeats"), [(0, 3), (1, 3), (15, 3), (20, 4), (100, 20)])
def test_a_fifth_of_what_is_in_flight_and_never_less_than_three(in_flight, repeats):
    assert taken(begun(in_flight)) == repeats


def test_a_peak_is_remembered_for_ten_seconds_at_least_and_for_twenty_at_most():
    for now, repeats in ((9.9, 20), (21.0, 3)):
        budget = begun(100)
        for _ in range(100):
            budget.end(well=False)
        budget.begin(now)
        assert taken(budget, now=now) == repeats


def test_what_is_over_makes_room():
    budget = begun(1)
    assert taken(budget) == 3
    budget.over()
    assert taken(budget) == 1


@pytest.mark.parametrize(
    ("failed", "repeats"),
    [(UNREACHABLE, 40), (error(429), 20), (error(500), 20), (failure(Cause.TIMEOUT), 5), (CUT, 5)],
    ids=["no connection", "a rate limit", "an error", "a timeout", "a cut answer"],
)
def test_the_purse_holds_so_many(failed, repeats):
    assert taken(begun(10_000), failed) == repeats


def test_it_refills_slowly_by_time_and_by_what_succeeds_at_once():
    budget = begun(10_000)
    assert taken(budget, error(500)) == 20
    assert taken(budget, error(500), now=9.9) == 0
    assert taken(budget, error(500), now=20.0) == 2
    for _ in range(15):
        budget.end(well=True)
    assert taken(budget, error(500), now=20.0) == 3
    assert taken(budget, error(500), now=1e6) == 20, "and never holds more than at first"


def test_a_fallback_draws_on_the_purse_and_is_never_refused():
    budget = begun(10_000)
    for _ in range(4):
        budget.spend(CUT)
    assert taken(budget, error(500)) == 4
    for _ in range(10):
        budget.spend(CUT)
    assert taken(budget, UNREACHABLE, now=5.0) == 1, "what is drawn from nothing is no debt"


async def test_what_falls_back_leaves_fewer_retries_to_the_others():
    health, dead = Health(NEVER_OPENS), always("dead", error(500))
    tree = Fallback([target(dead, RetryRule(attempts=1), health=health), target(always("well", "a picture"))])
    answers = [await ask(tree) for _ in range(40)]
    assert all(isinstance(answer.outcome, Success) for answer in answers)
    alone = Health(NEVER_OPENS)
    for _ in range(40):
        await ask(target(always("as dead", error(500)), RetryRule(attempts=1), health=alone))
    assert sum(answer.tried.count("dead") for answer in answers) < len(answers) + 20
    assert lent(health) == at_rest()


def test_a_repeat_that_was_worth_it_returns_its_cost_unless_money_may_be_gone():
    budget = begun(10_000)
    for _ in range(100):
        assert budget.permits(error(500), 0.0)
        budget.over(error(500))
    for _ in range(5):
        assert budget.permits(CUT, 0.0)
        budget.over(CUT)
    assert not budget.permits(CUT, 0.0)


def test_extra_bills_are_five_and_one_for_twenty_successes():
    """R5: whatever happens, within any short time."""
    budget, bills, rng = begun(10_000), 0, random.Random(3)
    for _ in range(10_000):
        if rng.random() < 0.5:
            budget.begin(0.0)
            budget.end(well=True)
        elif budget.permits(CUT, 0.0):
            bills += 1
            budget.over(CUT)
    assert bills <= 5 + 5100 / 20


def test_hedges_are_a_twentieth_and_a_burst_of_ten():
    budget, hedges = RetryBudget(), 0
    for number in range(2000):
        budget.begin(number)
        if budget.permits_hedge(number):
            hedges += 1
            budget.over()
        budget.end(well=True)
    assert hedges in {109, 110}


async def test_who_waits_to_try_again_counts():
    health = Health(NEVER_OPENS)
    again = RetryRule(attempts=1, use_retry_after=True)
    node = target(always("busy", Turn(error(429, retry_after=40), 0.0)), again, health=health)
    requests = [asyncio.create_task(ask(node)) for _ in range(10)]
    await asyncio.sleep(1)
    assert health.budget.repeats == 3
    assert sum(request.done() for request in requests) == 7
    await asyncio.wait(requests)
    assert lent(health) == at_rest()


async def test_who_leaves_while_waiting_gives_it_back():
    health = Health(NEVER_OPENS)
    node = target(leaf("busy", error(503)), RetryRule(attempts=1), health=health)
    request = asyncio.create_task(ask(node))
    await asyncio.sleep(1.1)
    assert health.budget.repeats == 1
    request.cancel()
    await asyncio.wait([request])
    assert lent(health) == at_rest()


async def test_a_retry_that_hangs_counts_until_it_is_cut():
    health = Health(NEVER_OPENS)
    node = target(leaf("hanging", error(503), HANGING), RetryRule(attempts=1), timeout=50.0, health=health)
    request = asyncio.create_task(ask(node))
    await asyncio.sleep(20)
    assert health.budget.repeats == 1
    await request
    assert lent(health) == at_rest()


async def storm(upstream, requests=1000, at_once=200, retries=2, health=None):
    """Send requests, so many at a time, and return how many of them were answered."""
    health = health or Health(NEVER_OPENS)
    tree = target(upstream, RetryRule(attempts=retries), health=health)
    numbers, answered = iter(range(requests)), 0

    async def caller():
        nonlocal answered
        for number in numbers:
            answer = await ask(tree, rng=random.Random(number))
            answered += isinstance(answer.outcome, Success)

    await asyncio.gather(*(caller() for _ in range(at_once)))
    assert lent(health) == at_rest()
    return answered


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0, 5.0, 15.0])
@pytest.mark.parametrize("failed", [error(503), UNREACHABLE, error(429)], ids=["503", "refused", "429"])
async def test_a_dead_upstream_is_asked_hardly_more_often_than_there_are_requests(failed, seconds):
    """R4, first figure."""
    dead = always("dead", Turn(failed, seconds))
    assert await storm(dead) == 0
    assert len(dead.calls) <= 1.05 * 1000 + 20


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0, 5.0, 15.0])
@pytest.mark.parametrize("failed", [error(503), UNREACHABLE], ids=["503", "refused"])
async def test_one_that_fails_every_other_time_a_fifth_more_often(failed, seconds):
    """R4, second figure."""
    rng = random.Random(11)
    shaky = Weather("shaky", (), at=lambda _: Turn(failed if rng.random() < 0.5 else Success("a picture"), seconds))
    answered = await storm(shaky)
    assert len(shaky.calls) <= 1.20 * 1000 + 20
    assert answered >= 450


async def test_after_it_recovered_requests_succeed():
    """R4, third figure: at least 99 % of what comes in the first 30 seconds, though one in fifty still fails."""
    rng, health = random.Random(5), Health(NEVER_OPENS)

    def weather(now):
        sick = now < 100 or rng.random() < 0.02
        return Turn(error(503) if sick else Success("a picture"), 1.0)

    tree = target(Weather("upstream", (), at=weather), RetryRule(attempts=2), health=health)
    outcomes = []

    async def one(at):
        await asyncio.sleep(at)
        outcomes.append((at, await ask(tree)))

    await asyncio.gather(*(one(number / 20) for number in range(20 * 130)))
    after = [answer.outcome for at, answer in outcomes if at >= 100]
    assert len(after) == 600
    assert sum(isinstance(outcome, Success) for outcome in after) >= 0.99 * 600
