"""A second target beside a slow first one."""

import asyncio
import math

import pytest

from strategies import Cause, Fallback, FallbackRule, Health, Hedge, RetryRule, Success
from tests.strategies.scripted import (
    CUT,
    HANGING,
    REFUSED,
    UNREACHABLE,
    Turn,
    always,
    ask,
    at_rest,
    error,
    failure,
    leaf,
    lent,
    target,
)
from tests.strategies.test_gate import sick, throttled

AFTER = 2.0


def slow(outcome, seconds=10.0):
    return Turn(Success(outcome) if isinstance(outcome, str) else outcome, seconds)


def hedge(first, second, *, after=AFTER, health=None, rule=None, allowance=1.0, other=None, retry=None):
    """Return a hedge of two leaves, `second` with a health of its own unless `other` is given."""
    health = health or Health()
    return Hedge(
        target(first, retry, allowance=allowance, health=health),
        second if not hasattr(second, "script") else target(second, allowance=allowance, health=other or Health()),
        lambda _: after,
        lambda _: health,
        rule or FallbackRule(),
        allowance,
    )


async def test_the_first_is_alone_for_as_long_as_it_is_quick():
    second = leaf("second")
    answer = await ask(hedge(leaf("first", slow("from the first", 1.9)), second))
    assert (answer.reply, answer.at, second.calls) == ("from the first", 1.9, [])


async def test_the_second_is_asked_too_and_wins_and_the_first_is_cancelled_at_once():
    health = Health()
    answer = await ask(hedge(leaf("first", slow("late", 60)), leaf("second", slow("won", 3)), health=health))
    assert (answer.reply, answer.at, answer.tried) == ("won", 5, ["first", "second"])
    first, second = answer.journey.attempts
    assert (first.ended, first.outcome, first.sent) == (5, None, True)
    assert second.outcome is answer.outcome
    assert answer.journey.maybe_billed == 1, "the provider may bill what nobody waits for any more"
    assert answer.journey.retries == 0
    assert lent(health) == at_rest()


async def test_or_the_first_wins_and_the_second_is_cancelled_at_once():
    answer = await ask(hedge(leaf("first", slow("won", 4)), leaf("second", slow("late", 60))))
    assert (answer.reply, answer.at, answer.journey.maybe_billed) == ("won", 4, 1)
    assert [attempt.ended for attempt in answer.journey.attempts] == [4, 4]


async def test_a_loser_that_was_never_sent_is_not_billed():
    first = leaf("first", Turn(Success("late"), 60.0, connects=30.0))
    answer = await ask(hedge(first, leaf("second", "won")))
    assert (answer.reply, answer.journey.maybe_billed) == ("won", 0)


async def test_of_two_answers_at_the_same_time_there_is_one():
    answer = await ask(hedge(leaf("first", slow("one", 3)), leaf("second", slow("two", 1))))
    assert (answer.reply, answer.at) == ("one", 3)


async def test_a_first_that_fails_early_falls_back_like_in_a_fallback():
    answer = await ask(hedge(leaf("first", error(503)), leaf("second", "from the second")))
    assert (answer.reply, answer.at, answer.tried) == ("from the second", 2, ["first", "second"])
    assert [attempt.started for attempt in answer.journey.attempts] == [0, 1]


@pytest.mark.parametrize(("rule", "failed"), [(FallbackRule(), REFUSED), (FallbackRule(frozenset({429})), error(500))])
async def test_or_does_not_where_a_fallback_would_not(rule, failed):
    for seconds in (1.0, 5.0):
        second = leaf("second", slow("too late", 60)) if seconds > AFTER else leaf("second")
        answer = await ask(hedge(leaf("first", Turn(failed, seconds)), second, rule=rule))
        assert answer.failure == failed
        assert answer.journey.attempts[-1].ended == answer.journey.attempts[0].ended


@pytest.mark.parametrize(
    "failed",
    [
        pytest.param(error(500), id="an error"),
        pytest.param(UNREACHABLE, id="no connection"),
        pytest.param(REFUSED, id="a refusal"),
        pytest.param(CUT, id="a cut answer"),
        pytest.param(failure(Cause.TIMEOUT), id="a timeout"),
    ],
)
async def test_a_second_that_fails_leaves_the_first_in_peace(failed):
    answer = await ask(hedge(leaf("first", slow("in the end", 20)), leaf("second", failed)))
    assert (answer.reply, answer.at, answer.journey.retries) == ("in the end", 20, 0)


async def test_and_so_does_one_that_was_the_last_attempt_allowed():
    answer = await ask(hedge(leaf("first", slow("in the end", 20)), leaf("second", error(500))), max_attempts=2)
    assert (answer.reply, answer.at) == ("in the end", 20)


async def test_of_two_failures_the_more_telling_one_is_told():
    answer = await ask(hedge(leaf("first", Turn(UNREACHABLE, 5)), leaf("second", error(503))))
    assert answer.failure.status == 503
    answer = await ask(hedge(leaf("first", Turn(error(500), 5)), leaf("second", UNREACHABLE)))
    assert answer.failure.status == 500


async def test_a_winner_has_its_own_count_of_retries():
    again = RetryRule(attempts=2, on_status_codes=frozenset({503}))
    first = leaf("first", error(503), error(503), error(503))
    answer = await ask(hedge(first, leaf("second", slow("won", 30)), after=0.5, retry=again))
    assert (answer.reply, answer.journey.retries) == ("won", 0)
    first = leaf("first", error(503), slow("won", 5))
    answer = await ask(hedge(first, leaf("second", error(500)), after=0.5, retry=again))
    assert (answer.reply, answer.journey.retries) == ("won", 1)


# --- money and numbers ---


async def test_without_an_allowance_nothing_is_hedged():
    second = leaf("second")
    answer = await ask(hedge(leaf("first", slow("late", 60)), second, allowance=0))
    assert (answer.reply, second.calls) == ("late", [])


async def test_nor_after_an_attempt_that_may_have_been_billed():
    second, again = leaf("second"), RetryRule(attempts=1, on_status_codes=frozenset({502}))
    answer = await ask(hedge(leaf("first", CUT, slow("late", 60)), second, retry=again))
    assert (answer.reply, second.calls) == ("late", [])


async def test_the_slow_one_counts_as_billed_for_whatever_else_is_tried():
    """Under `once`, a third attempt beside a slow one and a billed one would be the third bill."""
    third = leaf("third")
    behind = Fallback([target(leaf("second", CUT), health=Health()), target(third, health=Health())])
    answer = await ask(hedge(leaf("first", slow("in the end", 20)), behind))
    assert (answer.reply, third.calls, answer.journey.maybe_billed) == ("in the end", [], 1)


async def test_but_what_cost_nothing_is_followed_by_the_next():
    behind = Fallback([target(leaf("second", error(500)), health=Health()), target(leaf("third", "won"))])
    answer = await ask(hedge(leaf("first", slow("late", 20)), behind))
    assert (answer.reply, answer.at, answer.journey.maybe_billed) == ("won", 4, 1)


@pytest.mark.parametrize(("allowance", "asked"), [(1.0, 2), (2.0, 3), (math.inf, 3)])
async def test_a_hedge_in_a_hedge_needs_another_allowance(allowance, asked):
    inner = hedge(leaf("second", slow("second", 40)), leaf("third", slow("third", 40)), allowance=allowance)
    answer = await ask(hedge(leaf("first", slow("first", 30)), inner, allowance=allowance))
    assert (answer.reply, len(answer.tried), answer.journey.maybe_billed) == ("first", asked, asked - 1)


async def test_nothing_is_tried_again_once_the_allowance_is_gone():
    again = RetryRule(attempts=3, on_status_codes=frozenset({408, 500}))
    first = leaf("first", Turn(failure(Cause.TIMEOUT), 5.0))
    answer = await ask(hedge(first, leaf("second", Turn(CUT, 3.0)), retry=again))
    assert (answer.failure.terminal, answer.tried, answer.journey.maybe_billed) == (True, ["first", "second"], 2)


async def test_max_attempts_bounds_both_together():
    again = RetryRule(attempts=5)
    first = leaf("first", error(503), error(503))
    answer = await ask(hedge(first, leaf("second", slow("won", 60)), after=0.5, retry=again), max_attempts=4)
    assert (answer.reply, len(answer.tried)) == ("won", 3)
    second = leaf("second")
    answer = await ask(hedge(leaf("first", slow("alone", 5)), second), max_attempts=1)
    assert (answer.reply, second.calls) == ("alone", [])


async def test_attempts_are_kept_for_all_that_stand_behind():
    a, b, c, d = (target(leaf(name, error(503)), RetryRule(attempts=2), health=Health()) for name in "abcd")
    hedged = Hedge(b, Fallback([c, d]), lambda _: 30.0, b.inner.health_of, beyond=1)
    tree = Fallback([a, hedged], beyond=2)
    answer = await ask(tree, max_attempts=4)
    assert answer.tried == ["a", "b", "c", "d"]


# --- time, and callers who leave ---


async def test_a_caller_who_leaves_cancels_both():
    health, other = Health(), Health()
    tree = hedge(leaf("first", HANGING), leaf("second", HANGING), health=health, other=other)
    request = asyncio.create_task(ask(tree))
    await asyncio.sleep(10)
    assert (health.in_flight, other.in_flight) == (1, 1)
    request.cancel()
    await asyncio.wait([request])
    assert request.cancelled()
    assert asyncio.get_running_loop().time() == 10
    assert (lent(health), lent(other)) == (at_rest(), at_rest())
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_deadline_ends_both():
    answer = await ask(hedge(leaf("first", HANGING), leaf("second", HANGING)), deadline=30)
    assert (answer.failure.cause, answer.at, answer.journey.maybe_billed) == (Cause.DEADLINE, 30, 2)


async def test_a_bug_in_either_is_not_hidden():
    for first, second in ((Turn(RuntimeError("a bug"), 5), HANGING), (HANGING, Turn(RuntimeError("a bug"), 5))):
        health = Health()
        with pytest.raises(RuntimeError, match="a bug"):
            await ask(hedge(leaf("first", first), leaf("second", second), health=health))
        assert lent(health) == at_rest()


# --- what is known of the targets ---


async def test_a_sick_second_is_not_asked_while_the_first_may_still_answer():
    second = leaf("second")
    answer = await ask(hedge(leaf("first", slow("in the end", 20)), second, other=sick()))
    assert (answer.reply, second.calls) == ("in the end", [])


async def test_but_it_is_once_the_first_has_failed():
    answer = await ask(hedge(leaf("first", Turn(error(500), 20)), leaf("second", "after all"), other=sick()))
    assert (answer.reply, answer.at) == ("after all", 21)


async def test_a_sick_first_is_skipped_and_tried_last():
    answer = await ask(hedge(leaf("first"), leaf("second", "won"), health=sick()))
    assert (answer.reply, answer.tried) == ("won", ["second"])
    answer = await ask(hedge(leaf("first", "won"), leaf("second"), health=sick(), other=throttled(30)))
    assert (answer.reply, answer.tried) == ("won", ["first"])
    answer = await ask(hedge(leaf("first", error(500)), leaf("second", "won"), health=sick(), other=sick()))
    assert (answer.reply, answer.tried) == ("won", ["first", "second"])


async def test_two_that_asked_to_be_left_alone_are():
    answer = await ask(hedge(leaf("first"), leaf("second"), health=throttled(9), other=throttled(7)))
    assert (answer.failure.cause, answer.tried) == (Cause.RATE_LIMITED, [])
    assert sorted(told.retry_after for told in answer.journey.passed_over.values()) == [7, 9]


async def test_what_is_not_to_be_hedged_is_a_fallback():
    tree = hedge(leaf("first", slow("alone", 500)), leaf("second"), after=None)
    assert (await ask(tree, deadline=600)).at == 500
    tree = hedge(leaf("first", error(500)), leaf("second", "won"), after=None)
    assert (await ask(tree)).reply == "won"


async def many(count, at_once, seconds, after, health):
    """Send so many requests, so many at a time, and return how many were hedged."""
    second = always("second", Turn(Success("quick"), 0.1))
    tree = hedge(always("first", Turn(Success("slow"), seconds)), target(second), after=after, health=health)
    left = iter(range(count))

    async def work():
        for _ in left:
            assert isinstance((await ask(tree)).outcome, Success)

    await asyncio.gather(*(work() for _ in range(at_once)))
    return len(second.calls)


async def test_however_slow_the_first_is_no_more_than_a_twentieth_and_a_burst_of_ten_is_hedged():
    health = Health()
    hedged = await many(2000, 50, 5.0, 1.0, health)
    assert 10 <= hedged <= 0.05 * 2000 + 10
    assert lent(health) == at_rest()


async def test_where_most_answers_are_quick_those_that_are_not_are_hedged():
    """Latencies of two kinds: one in a hundred takes a minute."""
    turns = iter(range(10_000))
    first = always("first", None)
    first.at = lambda _: Turn(Success("first"), 60.0 if len(first.calls) % 100 == 0 else 2.0 + next(turns) % 37 / 100)
    second, health = always("second", Turn(Success("second"), 2.0)), Health()
    tree = Hedge(
        target(first, health=health), target(second), lambda _: health.p95, lambda _: health, allowance=math.inf
    )
    times = []
    for _ in range(500):
        before = asyncio.get_running_loop().time()
        await ask(tree)
        times.append(asyncio.get_running_loop().time() - before)
    assert 5 <= len(second.calls) <= 0.05 * 500 + 10
    assert sum(seconds > 2.4 + 2.0 for seconds in times) <= 2, "of the five that would take a minute"
