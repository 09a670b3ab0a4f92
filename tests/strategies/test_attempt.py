import asyncio
import math

import pytest

from strategies import (
    BILLING,
    Attempt,
    Cause,
    Deadline,
    Failure,
    Fallback,
    FallbackRule,
    LoadBalance,
    RetryRule,
    Success,
)
from tests.strategies.scripted import (
    CUT,
    EMPTY,
    HANGING,
    SILENT,
    UNREACHABLE,
    Draw,
    Turn,
    ask,
    error,
    failure,
    leaf,
    target,
)

STRICT, ONCE, ANY = BILLING["strict"], BILLING["once"], BILLING["any"]
GATEWAY_TIMEOUT = error(504, may_be_billed=True)


@pytest.mark.parametrize(
    ("allowance", "failures", "tried", "billed"),
    [
        pytest.param(STRICT, [CUT, None, None], 1, 1, id="strict stops after one cut answer"),
        pytest.param(STRICT, [EMPTY, None, None], 1, 1, id="strict stops after an empty answer"),
        pytest.param(STRICT, [GATEWAY_TIMEOUT, None, None], 1, 1, id="strict believes the failure over its cause"),
        pytest.param(STRICT, [error(500), UNREACHABLE, None], 3, 0, id="strict goes on while nothing was billed"),
        pytest.param(STRICT, [error(500), CUT, None], 2, 1, id="strict stops at the second as at the first"),
        pytest.param(ONCE, [CUT, None, None], 2, 1, id="once goes on once"),
        pytest.param(ONCE, [CUT, CUT, None], 2, 2, id="once stops after the second"),
        pytest.param(ONCE, [CUT, error(500), None], 3, 1, id="once goes on after what cost nothing"),
        pytest.param(ONCE, [CUT, error(500), CUT], 3, 2, id="once may end with the second"),
        pytest.param(ANY, [CUT, CUT, EMPTY], 3, 3, id="any pays for all of them"),
    ],
)
@pytest.mark.parametrize("shape", ["fallback", "retry"])
async def test_the_money_rule(shape, allowance, failures, tried, billed):
    script = [failure or "a picture" for failure in failures]
    if shape == "fallback":
        leaves = [leaf(f"leaf {index}", step) for index, step in enumerate(script)]
        answer = await ask(Fallback([target(each, allowance=allowance) for each in leaves]))
        calls = [call for each in leaves for call in each.calls]
    else:
        only = leaf("only", *script)
        rule = RetryRule(attempts=2, on_status_codes=frozenset({200, 500, 502, 503, 504}))
        answer = await ask(target(only, rule, allowance=allowance), rng=Draw(0))
        calls = only.calls
    assert calls == [float(index) for index in range(tried)]
    assert answer.at == tried
    assert answer.journey.maybe_billed == billed
    if failures[tried - 1] is None:
        assert answer.reply == "a picture"
    else:
        assert answer.failure.cause is failures[tried - 1].cause
        assert answer.failure.terminal is (billed > allowance)


async def test_one_allowance_serves_the_whole_tree():
    first, second, third = leaf("first", CUT, error(500)), leaf("second", HANGING), leaf("third")
    tree = Fallback(
        [
            Fallback([target(first, RetryRule(attempts=1)), target(second, timeout=5)]),
            target(third),
        ]
    )
    answer = await ask(tree, rng=Draw(0))
    assert (first.calls, second.calls, third.calls) == ([0, 1], [2], [])
    assert (answer.failure.cause, answer.failure.terminal, answer.at) == (Cause.TIMEOUT, True, 7)
    assert answer.journey.maybe_billed == 2


async def test_money_is_stronger_than_any_list():
    first, second = leaf("first", CUT), leaf("second")
    rule = FallbackRule(frozenset({502}), frozenset({Cause.INCOMPLETE}))
    answer = await ask(Fallback([target(first, allowance=STRICT), target(second)], rule))
    assert (answer.failure.cause, second.calls, answer.at) == (Cause.INCOMPLETE, [], 1)


async def test_a_success_after_a_billed_failure_does_not_count_itself():
    answer = await ask(Fallback([target(leaf("first", CUT)), target(leaf("second", "a picture"))]))
    assert (answer.reply, answer.journey.maybe_billed, answer.at) == ("a picture", 1, 2)


@pytest.mark.parametrize(
    ("most", "calls"),
    [
        pytest.param(1, [[0], [], []], id="one attempt is the first try"),
        pytest.param(2, [[0], [1], []], id="two end within the inner group"),
        pytest.param(3, [[0], [1], [2]], id="three are one for each target"),
        pytest.param(4, [[0, 1], [2], [3]], id="four leave one for a retry"),
        pytest.param(5, [[0, 1, 2], [3], [4]], id="five are enough"),
        pytest.param(None, [[0, 1, 2], [3], [4]], id="unbounded"),
    ],
)
async def test_attempts_are_bounded_over_the_whole_tree(most, calls):
    leaves = leaf("first", *[error(500)] * 3), leaf("second", UNREACHABLE), leaf("third", "a picture")
    first, second, third = leaves
    tree = Fallback([Fallback([target(first, RetryRule(attempts=2)), target(second)]), target(third)])
    answer = await ask(tree, max_attempts=most, rng=Draw(0))
    assert [each.calls for each in leaves] == calls
    assert isinstance(answer.outcome, Failure if most in {1, 2} else Success)
    assert answer.at == sum(map(len, calls))


async def test_the_story_is_told_attempt_by_attempt():
    first, second = leaf("first", error(500), SILENT), leaf("second", "a picture")
    answer = await ask(Fallback([target(first, RetryRule(attempts=1), timeout=3), target(second)]))
    told = [(each.target, each.started, each.ended, each.sent) for each in answer.journey.attempts]
    assert told == [("first", 0, 1, True), ("first", 1.5, 4.5, False), ("second", 4.5, 5.5, True)]
    causes = [getattr(each.outcome, "cause", None) for each in answer.journey.attempts]
    assert causes == [Cause.PROVIDER_ERROR, Cause.UNREACHABLE, None]


async def test_nothing_is_tried_once_the_deadline_has_passed():
    only = leaf("only")
    answer = await ask(target(only), deadline=0)
    failure = answer.failure
    assert (failure.cause, failure.reached, failure.billable) == (Cause.DEADLINE, False, False)
    assert failure.message == "the request's deadline passed before only could be tried"
    assert (only.calls, answer.tried, answer.at) == ([], [], 0)


@pytest.mark.parametrize(
    ("turn", "billed"),
    [
        pytest.param(HANGING, 1, id="after it was sent it may be billed"),
        pytest.param(SILENT, 0, id="before it was sent it is not"),
    ],
)
async def test_the_caller_leaves(turn, billed):
    only, other = leaf("only", turn), leaf("other")
    seen = []

    async def spy(request, context):
        seen.append(context.journey)
        return await only(request, context)

    task = asyncio.create_task(ask(Fallback([target(spy, RetryRule(attempts=3)), target(other)])))
    await asyncio.sleep(3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (journey,) = seen
    (attempt,) = journey.attempts
    assert (attempt.ended, attempt.outcome, journey.maybe_billed) == (3, None, billed)
    assert (only.calls, other.calls) == ([0], [])


async def test_the_caller_leaves_during_a_back_off_and_nothing_more_is_tried():
    only = leaf("only", error(500))
    task = asyncio.create_task(ask(target(only, RetryRule(attempts=3))))
    await asyncio.sleep(1.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(100)
    assert only.calls == [0]


async def test_a_crash_is_a_bug_and_comes_out_but_the_attempt_is_closed():
    only, other = leaf("only", Turn(LookupError("bug"))), leaf("other")
    contexts = only.contexts
    with pytest.raises(LookupError, match="bug"):
        await ask(Fallback([target(only), target(other)]))
    journey = contexts[0].journey
    (attempt,) = journey.attempts
    assert (attempt.ended, attempt.outcome, journey.maybe_billed, other.calls) == (1, None, 1, [])


async def test_each_leaf_is_judged_by_its_own_allowance_against_what_was_billed_before():
    first, second, third = leaf("first", CUT), leaf("second", CUT), leaf("third")
    tree = Fallback([target(first, allowance=ANY), target(second, allowance=STRICT), target(third)])
    answer = await ask(tree)
    assert (first.calls, second.calls, third.calls) == ([0], [1], [])
    assert answer.failure.terminal


async def test_an_attempt_stands_for_itself_without_retry_or_timeout():
    answer = await ask(LoadBalance([Attempt("only", leaf("only", "a picture"), math.inf)], [1]))
    assert (answer.reply, answer.tried, answer.at) == ("a picture", ["only"], 1)


async def test_a_deadline_that_may_have_been_billed_uses_up_the_allowance():
    first, second = leaf("first", HANGING), leaf("second")
    tree = Fallback([Deadline(target(first, allowance=STRICT), 10), target(second)], by_deadline())
    answer = await ask(tree)
    assert (answer.failure.cause, second.calls, answer.at) == (Cause.DEADLINE, [], 10)


def by_deadline():
    return FallbackRule(on_causes=frozenset({Cause.DEADLINE}))


async def test_a_failure_that_knows_nothing_was_billed_is_believed():
    sure = failure(Cause.TIMEOUT, may_be_billed=False)
    answer = await ask(Fallback([target(leaf("first", sure), allowance=STRICT), target(leaf("second", "a picture"))]))
    assert (answer.reply, answer.journey.maybe_billed, answer.at) == ("a picture", 0, 2)
