import asyncio
import math

import pytest

from strategies import Attempt, Cause, Deadline, Fallback, Success, Timeout
from tests.strategies.scripted import HANGING, SILENT, Turn, ask, leaf, target

LATE = Turn(Success("late"), seconds=10)


@pytest.mark.parametrize(
    ("turn", "limit", "deadline", "cause", "seen", "billable", "reached", "at"),
    [
        pytest.param(HANGING, 5, 180, Cause.TIMEOUT, 408, True, True, 5, id="no answer in time may have been billed"),
        pytest.param(SILENT, 5, 180, Cause.UNREACHABLE, 503, False, False, 5, id="no connection in time was not"),
        pytest.param(HANGING, None, 180, Cause.DEADLINE, 504, True, True, 180, id="the deadline bounds it anyway"),
        pytest.param(HANGING, 60, 30, Cause.DEADLINE, 504, True, True, 30, id="a nearer deadline comes first"),
        pytest.param(SILENT, 60, 30, Cause.DEADLINE, 504, False, False, 30, id="and bills nothing that was not sent"),
        pytest.param(HANGING, 30, 30, Cause.DEADLINE, 504, True, True, 30, id="of both at once the deadline is told"),
        pytest.param(
            Turn(Success("late"), seconds=10, connects=4.9), 5, 180, Cause.TIMEOUT, 408, True, True, 5, id="just sent"
        ),
        pytest.param(
            Turn(Success("late"), seconds=10, connects=5.1),
            5,
            180,
            Cause.UNREACHABLE,
            503,
            False,
            False,
            5,
            id="almost",
        ),
    ],
)
async def test_what_an_expiry_means(turn, limit, deadline, cause, seen, billable, reached, at):
    only = leaf("only", turn)
    answer = await ask(target(only, timeout=limit), deadline=deadline)
    failure = answer.failure
    assert (failure.cause, failure.seen_status, failure.billable, failure.reached) == (cause, seen, billable, reached)
    assert answer.journey.maybe_billed == billable
    assert (only.calls, answer.at) == ([0], at)
    assert answer.journey.attempts[0].ended == at


async def test_the_message_names_the_limit():
    answer = await ask(target(leaf("only", HANGING), timeout=1.5))
    assert answer.failure.message == "the provider did not answer within 1500 ms"


async def test_an_answer_in_time_passes():
    answer = await ask(target(leaf("only", LATE), timeout=10.1))
    assert (answer.reply, answer.at) == ("late", 10)


async def test_the_limit_is_that_of_one_attempt_and_starts_anew():
    first, second = leaf("first", HANGING), leaf("second", LATE)
    answer = await ask(Fallback([target(first, timeout=11), target(second, timeout=11)]))
    assert (answer.reply, first.calls, second.calls, answer.at) == ("late", [0], [11], 21)


async def test_a_cancellation_from_outside_passes_through():
    only = leaf("only", HANGING)
    task = asyncio.create_task(ask(target(only, timeout=5)))
    await asyncio.sleep(3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.get_running_loop().time() == 3


async def test_a_cancellation_at_the_very_moment_of_the_expiry_passes_through_too():
    task = asyncio.create_task(ask(target(leaf("only", HANGING), timeout=5)))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_at(5, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.get_running_loop().time() == 5


async def test_a_timeout_error_that_is_not_its_own_is_not_swallowed():
    with pytest.raises(TimeoutError, match="somebody else's"):
        await ask(Timeout(leaf("only", Turn(TimeoutError("somebody else's"))), 5))


async def test_an_answer_saved_while_being_cancelled_is_not_thrown_away():
    async def stubborn(_request, _context):
        try:
            await asyncio.sleep(math.inf)
        except asyncio.CancelledError:
            return Success("paid for, so keep it")

    answer = await ask(Timeout(stubborn, 5))
    assert (answer.reply, answer.at) == ("paid for, so keep it", 5)


async def test_an_error_that_the_expiry_provoked_is_the_expiry():
    async def aggrieved(_request, _context):
        try:
            await asyncio.sleep(math.inf)
        except asyncio.CancelledError:
            raise TimeoutError from None

    answer = await ask(Attempt("only", Timeout(aggrieved, 5)))
    assert (answer.failure.cause, answer.at) == (Cause.UNREACHABLE, 5)


async def test_a_limit_that_has_passed_ends_the_attempt_at_its_first_wait():
    only = leaf("only", HANGING)
    answer = await ask(Timeout(only), deadline=-1)
    assert (answer.failure.cause, only.calls, answer.at) == (Cause.DEADLINE, [0], 0)


@pytest.mark.parametrize(
    ("limits", "at"),
    [
        pytest.param([30, 10], 10, id="an inner one shortens"),
        pytest.param([10, 30], 10, id="an inner one never lengthens"),
        pytest.param([300], 180, id="nor does any beyond that of the request"),
    ],
)
async def test_the_deadline_of_a_subtree_only_shrinks(limits, at):
    only = leaf("only", HANGING)
    tree = target(only)
    for seconds in reversed(limits):
        tree = Deadline(tree, seconds)
    answer = await ask(tree)
    assert (answer.failure.cause, only.calls, answer.at) == (Cause.DEADLINE, [0], at)
    assert only.contexts[0].deadline == at


async def test_the_deadline_of_a_subtree_counts_from_when_it_is_entered_and_does_not_bind_its_siblings():
    first, second = leaf("first", Turn(SILENT.outcome, seconds=20)), leaf("second", LATE)
    answer = await ask(Fallback([Deadline(target(first), 30), Deadline(target(second), 15)]))
    assert (answer.reply, answer.at) == ("late", 30)
    assert [first.contexts[0].deadline, second.contexts[0].deadline] == [30, 35]
