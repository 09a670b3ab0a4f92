"""What is let through to a target: by its breaker, by what it asked for, by how much it has to do."""

import asyncio
import random

import pytest

from strategies import BreakerRule, Cause, Fallback, FallbackRule, Health, LoadBalance, RetryRule, Success
from tests.strategies.scripted import (
    HANGING,
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

LATER = 1e6


def sick(health=None):
    """Return a health whose breaker is open, and has just opened."""
    health = health or Health()
    for _ in range(5):
        health.breaker.leave(health.breaker.enter(0.0, LATER), 0.0, random.Random(0), well=False)
    return health


def throttled(seconds):
    health = Health()
    health.throttled = seconds
    return health


def guarded(node, health=None, rule=None, **more):
    return target(node, rule, health=health or Health(), **more)


def row(*parts):
    """Return a fallback of (health, step) and the leaves in it; `None` stands for a leaf that must not be asked."""
    leaves = [leaf(f"leaf {index}", *([] if step is None else [step])) for index, (_, step) in enumerate(parts)]
    return Fallback([guarded(node, health) for node, (health, _) in zip(leaves, parts, strict=True)]), leaves


async def times(node, count, **about):
    return [await ask(node, **about) for _ in range(count)]


# --- the breaker ---


async def test_a_target_whose_breaker_is_open_is_skipped_without_an_attempt():
    tree, _ = row((sick(), None), (None, "from the second"))
    answer = await ask(tree)
    assert (answer.reply, answer.tried) == ("from the second", ["leaf 1"])
    assert answer.journey.passed_over["leaf 0"].skipped


async def test_a_single_target_whose_breaker_is_open_still_answers():
    answer = await ask(guarded(leaf("only", "a picture"), sick()))
    assert answer.reply == "a picture"


async def test_five_failures_open_it_and_the_sixth_request_goes_elsewhere():
    dead, health = always("dead", error(500)), Health()
    tree = Fallback([guarded(dead, health), guarded(always("well", "a picture"))])
    answers = await times(tree, 6)
    assert [len(answer.tried) for answer in answers] == [2, 2, 2, 2, 2, 1]
    assert dead.calls == [0, 2, 4, 6, 8]


async def test_a_retry_that_finds_it_open_meanwhile_is_not_made_and_what_was_said_stands():
    health = Health(BreakerRule(consecutive=2))
    dead = leaf("dead", error(503), error(500))
    answer = await ask(Fallback([guarded(dead, health, RetryRule(attempts=5)), guarded(leaf("next", UNREACHABLE))]))
    assert answer.tried == ["dead", "dead", "next"]
    assert answer.failure.status == 500


async def test_without_an_alternative_retries_go_on_although_it_has_opened():
    health = Health(BreakerRule(consecutive=1))
    answer = await ask(guarded(leaf("only", error(503), error(503), "late"), health, RetryRule(attempts=2)))
    assert answer.reply == "late"


async def test_where_all_are_open_they_are_tried_in_order():
    tree, leaves = row((sick(), error(500)), (sick(), UNREACHABLE), (sick(), "from the last"))
    answer = await ask(tree)
    assert (answer.reply, answer.tried) == ("from the last", ["leaf 0", "leaf 1", "leaf 2"])
    assert [node.calls for node in leaves] == [[0], [1], [2]]


async def test_a_success_of_one_that_was_bypassed_has_it_probed_at_once():
    health = sick()
    await ask(guarded(always("only", "a picture"), health))
    assert health.breaker.enter(1.0, LATER).probe


async def test_an_open_target_is_tried_last_where_the_others_fail():
    tree, _ = row((sick(), "better than nothing"), (None, error(500)))
    answer = await ask(tree)
    assert (answer.reply, answer.tried) == ("better than nothing", ["leaf 1", "leaf 0"])


async def test_an_inner_fallback_leaves_what_is_open_to_the_outer_one():
    inner, (first, second) = row((sick(), None), (sick(), None))
    outer = Fallback([inner, guarded(leaf("outer", "a picture"))])
    answer = await ask(outer)
    assert (answer.tried, first.calls, second.calls) == (["outer"], [], [])


async def test_nested_fallbacks_that_are_all_open_are_tried_in_order():
    inner, _ = row((sick(), error(500)), (sick(), error(503)))
    outer = Fallback([inner, guarded(leaf("outer", "a picture"), sick())])
    answer = await ask(outer)
    assert (answer.reply, answer.tried) == ("a picture", ["leaf 0", "leaf 1", "outer"])


async def test_an_open_target_is_tried_where_the_rule_further_out_would_not_go_on():
    """Nobody takes up a 500 out there, so passing over the second would lead nowhere."""
    inner, _ = row((None, error(500)), (sick(), "a picture"))
    outer = Fallback([inner, guarded(leaf("never"))], FallbackRule(on_status_codes=frozenset({429})))
    answer = await ask(outer)
    assert (answer.reply, answer.tried) == ("a picture", ["leaf 0", "leaf 1"])


async def test_a_connection_that_failed_is_told_rather_than_one_that_was_not_tried():
    tree, _ = row((None, UNREACHABLE), (sick(), UNREACHABLE))
    assert not (await ask(tree)).failure.skipped


async def test_one_request_at_a_time_finds_out_whether_it_is_well_again():
    health = sick()
    slow = leaf("slow", Turn(Success("first"), 5), Turn(Success("second"), 5), "third", "fourth")
    tree = Fallback([guarded(slow, health), guarded(always("other", "elsewhere"))])
    await asyncio.sleep(20)
    assert sorted([answer.reply for answer in await asyncio.gather(*(ask(tree) for _ in range(5)))]) == (
        ["elsewhere"] * 4 + ["first"]
    )
    assert (await ask(tree)).reply == "second"
    assert sorted([answer.reply for answer in await asyncio.gather(ask(tree), ask(tree))]) == ["fourth", "third"]


async def test_a_probe_whose_caller_leaves_makes_room_for_the_next():
    """Case 42."""
    health = sick()
    tree = Fallback([guarded(leaf("slow", HANGING, "well again"), health), guarded(always("other", "elsewhere"))])
    await asyncio.sleep(20)
    probe = asyncio.create_task(ask(tree))
    await asyncio.sleep(1)
    assert (await ask(tree)).reply == "elsewhere"
    probe.cancel()
    await asyncio.wait([probe])
    assert (await ask(tree)).reply == "well again"
    assert lent(health) == at_rest()


async def test_a_probe_that_hangs_ends_with_its_time_limit_and_opens_it_again():
    """Case 42."""
    health = sick()
    tree = Fallback([guarded(leaf("slow", HANGING), health, timeout=30.0), guarded(always("other", "elsewhere"))])
    await asyncio.sleep(20)
    assert (await ask(tree)).reply == "elsewhere"
    assert lent(health) == at_rest()
    assert health.breaker.enter(50.0 + 14.9, LATER) is None
    assert health.breaker.enter(50.0 + 16.6, LATER) is not None


@pytest.mark.parametrize("status", [400, 401, 404, 429])
async def test_what_is_not_the_targets_fault_never_opens_it(status):
    cause = {400: Cause.POLICY, 401: Cause.AUTH, 404: Cause.INVALID, 429: Cause.RATE_LIMITED}[status]
    refusing = always("refusing", failure(cause, status))
    tree = Fallback([guarded(refusing), guarded(always("other", "elsewhere"))])
    await times(tree, 30)
    assert len(refusing.calls) == 30


async def test_callers_who_leave_never_open_it():
    health = Health()
    for _ in range(30):
        request = asyncio.create_task(ask(guarded(leaf("slow", HANGING), health)))
        await asyncio.sleep(1)
        request.cancel()
        await asyncio.wait([request])
    assert health.breaker.enter(30.0, LATER) is not None
    assert lent(health) == at_rest()


async def test_callers_in_a_hurry_do_not_open_it_for_everybody():
    """R19: `x-portkey-request-timeout: 100` comes from any caller, and its failures are that caller's alone."""
    health = Health()
    well = always("well", Turn(Success("a picture"), 5.0))
    await times(guarded(well, health), 30)
    assert {answer.failure.cause for answer in await times(guarded(well, health, timeout=0.1), 30)} == {Cause.TIMEOUT}
    never_connected = always("slow to connect", Turn(Success("a picture"), 5.0, connects=1.0))
    answers = await times(guarded(never_connected, health, timeout=0.1), 30)
    assert {answer.failure.cause for answer in answers} == {Cause.UNREACHABLE}
    answers = await times(guarded(well, health), 3, deadline=1.0)
    assert {answer.failure.cause for answer in answers} == {Cause.DEADLINE}
    tree = Fallback([guarded(well, health), guarded(leaf("never"))])
    assert (await ask(tree)).reply == "a picture"


async def test_a_limit_that_most_answers_keep_to_does_count():
    health = Health()
    await times(guarded(always("well", Turn(Success("a picture"), 5.0)), health), 30)
    await times(guarded(always("hanging", HANGING), health, timeout=6.0), 5)
    assert health.breaker.enter(180.0, LATER) is None


# --- what it asked for ---


async def test_a_target_that_asked_to_be_left_alone_is_left_alone_by_everybody():
    health = Health()
    busy = leaf("busy", error(429, retry_after=30), "well again")
    tree = Fallback([guarded(busy, health), guarded(always("other", "elsewhere"))])
    assert [answer.reply for answer in await times(tree, 10)] == ["elsewhere"] * 10
    assert busy.calls == [0]
    await asyncio.sleep(21)
    assert (await ask(tree)).reply == "well again"


async def test_without_an_alternative_the_answer_says_how_long_is_left():
    answer = await ask(guarded(leaf("never"), throttled(30)))
    assert (answer.failure.cause, answer.failure.retry_after, answer.tried) == (Cause.RATE_LIMITED, 30, [])
    assert not answer.failure.billable


async def test_throttled_targets_are_never_tried_however_they_are_nested():
    first, _ = row((throttled(50), None), (throttled(20), None))
    balance = LoadBalance([guarded(leaf("a"), throttled(7)), guarded(leaf("b"), throttled(9))], [1, 1])
    answer = await ask(Fallback([first, balance, guarded(leaf("last"), throttled(40))]))
    assert (answer.failure.cause, answer.tried) == (Cause.RATE_LIMITED, [])
    assert sorted(told.retry_after for told in answer.journey.passed_over.values()) == [7, 9, 20, 40, 50]


async def test_of_one_that_is_sick_and_one_that_is_throttled_the_sick_one_is_tried():
    for order in (1, -1):
        tree, _ = row(*[(sick(), "a picture"), (throttled(30), None)][::order])
        assert (await ask(tree)).reply == "a picture"
    tree, _ = row((sick(), UNREACHABLE), (throttled(30), None))
    answer = await ask(tree)  # at second 2, and it takes one
    assert (answer.failure.cause, answer.failure.retry_after) == (Cause.RATE_LIMITED, 27), "what is told says when"


async def test_it_is_left_alone_for_ten_minutes_at_most():
    health = Health()
    await ask(guarded(leaf("busy", error(429, retry_after=86_400)), health))
    assert health.throttled == 601


async def test_a_shorter_word_does_not_shorten_a_longer_one():
    health = Health()
    rule = RetryRule(attempts=1)
    await ask(guarded(leaf("busy", error(429, retry_after=30), error(429, retry_after=1)), health, rule))
    assert health.throttled == 31


async def test_a_request_may_still_wait_for_what_it_was_told_itself():
    """Case 28."""
    health = Health()
    rule = RetryRule(attempts=2, use_retry_after=True)
    answer = await ask(guarded(leaf("busy", error(429, retry_after=2), "a picture"), health, rule))
    assert answer.reply == "a picture"
    assert 4.0 <= answer.at <= 4.4


PATIENT = RetryRule(attempts=1, use_retry_after=True)


async def test_with_nothing_else_left_a_request_that_may_retry_waits_until_the_target_may_be_asked():
    only = leaf("only", "a picture")
    answer = await ask(guarded(only, throttled(30), PATIENT))
    assert answer.reply == "a picture"
    assert 30 <= only.calls[0] <= 33.01
    assert (answer.tried, answer.journey.retries, answer.journey.passed_over) == (["only"], 0, {})


@pytest.mark.parametrize(
    ("rule", "mark", "deadline"),
    [
        (RetryRule(attempts=1), 30, 180),
        (RetryRule(attempts=0, use_retry_after=True), 30, 180),
        (RetryRule(attempts=1, use_retry_after=True, on_status_codes=frozenset({503})), 30, 180),
        (PATIENT, 61, 180),
        (PATIENT, 30, 20),
    ],
    ids=["not as long as it is told", "without retries", "not after a 429", "too long", "past its deadline"],
)
async def test_where_its_rule_does_not_wait_it_is_told_at_once_when_to_return(rule, mark, deadline):
    answer = await ask(guarded(leaf("never"), throttled(mark), rule), deadline=deadline)
    assert (answer.failure.cause, answer.failure.retry_after) == (Cause.RATE_LIMITED, mark)
    assert (answer.at, answer.tried, answer.journey.gave_up) == (0, [], False)


async def test_where_there_is_another_target_nobody_waits():
    tree = Fallback([guarded(leaf("never"), throttled(1), PATIENT), guarded(leaf("other", "elsewhere"))])
    answer = await ask(tree)
    assert (answer.reply, answer.at) == ("elsewhere", 1)


async def test_a_mark_that_grows_while_one_waits_is_waited_out_as_well():
    health, only = throttled(10), leaf("only", "a picture")

    async def longer():
        await asyncio.sleep(5)
        health.throttled = 25.0

    growing = asyncio.create_task(longer())
    assert (await ask(guarded(only, health, PATIENT))).reply == "a picture"
    assert only.calls[0] >= 25
    await growing


async def test_what_fails_after_the_wait_is_retried_as_often_as_the_rule_says():
    only, rule = leaf("only", error(503), error(503), error(500)), RetryRule(attempts=2, use_retry_after=True)
    answer = await ask(guarded(only, throttled(9), rule))
    assert (answer.failure.status, answer.tried) == (500, ["only"] * 3)
    assert (answer.journey.retries, answer.journey.gave_up) == (-1, True)


@pytest.mark.parametrize("marks", [(50, 5, 20), (5, 20, 50), (20, 50, 5)])
async def test_of_several_the_one_that_may_be_asked_first_is_waited_for(marks):
    for kind in (Fallback, lambda nodes: LoadBalance(nodes, [1.0, 2.0, 3.0])):
        now = asyncio.get_running_loop().time()
        leaves = [leaf(f"for {mark}", *(["a picture"] if mark == 5 else [])) for mark in marks]
        pairs = zip(leaves, marks, strict=True)
        answer = await ask(kind([guarded(node, throttled(now + mark), PATIENT) for node, mark in pairs]))
        assert (answer.reply, answer.tried) == ("a picture", ["for 5"])


async def test_the_next_one_is_waited_for_where_the_first_does_not_let_one_wait():
    tree = Fallback([guarded(leaf("never"), throttled(1)), guarded(leaf("other", "elsewhere"), throttled(5), PATIENT)])
    answer = await ask(tree)
    assert (answer.reply, answer.tried) == ("elsewhere", ["other"])


async def test_a_crowd_does_not_wait_for_the_same_moment():
    """What the retry budget does not allow is told at once: else all who waited would come together."""
    health, busy = throttled(10), always("busy", "a picture")
    answers = await asyncio.gather(*(ask(guarded(busy, health, PATIENT)) for _ in range(50)))
    assert sorted(isinstance(answer.outcome, Success) for answer in answers) == [False] * 47 + [True] * 3
    assert {answer.at for answer in answers if answer.outcome is not None and not answer.tried} == {0}
    assert lent(health) == at_rest()


async def test_who_leaves_while_waiting_leaves_nothing_behind():
    health = throttled(10)
    waiting = asyncio.create_task(ask(guarded(leaf("never"), health, PATIENT)))
    await asyncio.sleep(5)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert lent(health) == at_rest()


# --- what it has to do ---


def narrow(most, *parts, **more):
    health = Health(most_at_once=most)
    return health, guarded(leaf("narrow", *parts), health, **more)


async def test_what_is_too_much_goes_to_the_next_target_at_once():
    health, node = narrow(2, "one", "two")
    tree = Fallback([node, guarded(always("other", "elsewhere"))])
    answers = await asyncio.gather(*(ask(tree) for _ in range(5)))
    assert sorted(answer.reply for answer in answers) == ["elsewhere"] * 3 + ["one", "two"]
    assert {answer.at for answer in answers} == {1}
    assert lent(health) == at_rest(2)


async def test_without_an_alternative_it_waits_for_its_turn():
    health, node = narrow(1, "one", "two")
    answers = await asyncio.gather(ask(node), ask(node))
    assert [(answer.reply, answer.at) for answer in answers] == [("one", 1), ("two", 2)]
    assert lent(health) == at_rest(1)


async def test_but_not_longer_than_two_seconds():
    health, node = narrow(1, HANGING)
    first = asyncio.create_task(ask(node))
    await asyncio.sleep(0)
    answer = await ask(node)
    assert (answer.failure.code, answer.failure.skipped, answer.at, answer.tried) == ("overloaded", True, 2, [])
    first.cancel()
    await asyncio.wait([first])
    assert lent(health) == at_rest(1)


async def test_nor_longer_than_its_deadline():
    _, node = narrow(1, HANGING)
    first = asyncio.create_task(ask(node))
    await asyncio.sleep(0)
    answer = await ask(node, deadline=0.5)
    assert (answer.at, answer.tried) == (0.5, [])
    first.cancel()
    await asyncio.wait([first])


@pytest.mark.parametrize("kind", ["fallback", "balance"])
async def test_nor_longer_at_all_targets_together(kind):
    nodes = [narrow(1, HANGING)[1] for _ in range(8)]
    busy = [asyncio.create_task(ask(node)) for node in nodes]
    await asyncio.sleep(0)
    answer = await ask(Fallback(nodes) if kind == "fallback" else LoadBalance(nodes, [1] * 8))
    assert (answer.failure.code, answer.at) == ("overloaded", 2)
    for request in busy:
        request.cancel()
    await asyncio.wait(busy)


async def test_who_waits_is_told_what_the_target_asked_for_meanwhile():
    health, node = narrow(1, error(429, retry_after=30))
    _, waiting = await asyncio.gather(ask(node), ask(node))
    assert (waiting.failure.cause, waiting.tried) == (Cause.RATE_LIMITED, [])
    assert lent(health) == at_rest(1)


async def test_who_leaves_while_waiting_takes_no_turn_along():
    health, node = narrow(1, Turn(Success("one"), 1.5), "two")
    first, second = (asyncio.create_task(ask(node)) for _ in range(2))
    await asyncio.sleep(1)
    second.cancel()
    assert (await first).reply == "one"
    assert (await ask(node)).reply == "two"
    assert lent(health) == at_rest(1)


async def test_retries_and_crashes_give_their_turns_back():
    health, node = narrow(1, error(503), Turn(RuntimeError("a bug")), rule=RetryRule(attempts=1))
    answer = asyncio.create_task(ask(node))
    await asyncio.sleep(0.5)
    assert lent(health) == {**at_rest(0), "in_flight": 1, "first tries": 1}
    await asyncio.sleep(0.6)
    assert lent(health) == {**at_rest(1), "repeats": 1}, "who waits to try again holds no turn"
    with pytest.raises(RuntimeError, match="a bug"):
        await answer
    assert lent(health) == at_rest(1)
