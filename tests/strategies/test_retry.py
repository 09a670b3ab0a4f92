import asyncio
import random

import pytest

from strategies import Backoff, Cause, Deadline, Fallback, FallbackRule, Retry, RetryRule, Success
from tests.strategies.scripted import (
    CUT,
    EMPTY,
    HANGING,
    LONGEST,
    REFUSED,
    SHORTEST,
    UNREACHABLE,
    UNSUPPORTED,
    Draw,
    Turn,
    ask,
    error,
    failure,
    leaf,
    target,
)

QUOTA = failure(Cause.AUTH, 429)
TIMEOUT = failure(Cause.TIMEOUT)

AGAIN, ONCE = True, False


def on(*codes):
    return RetryRule(attempts=1, on_status_codes=frozenset(codes))


ANY_CODE = on(*range(400, 600))


@pytest.mark.parametrize(
    ("rule", "failure", "again"),
    [
        *(
            pytest.param(RetryRule(attempts=1), error(code), AGAIN, id=f"{code} is repeated by default")
            for code in (429, 500, 502, 503, 504, 529)
        ),
        *(
            pytest.param(RetryRule(attempts=1), failure(Cause.INVALID, code), ONCE, id=f"{code} is not by default")
            for code in (400, 404, 409, 422)
        ),
        pytest.param(RetryRule(attempts=1), UNREACHABLE, AGAIN, id="an unreachable target is seen as 503"),
        pytest.param(RetryRule(attempts=1), CUT, AGAIN, id="a cut answer is seen as 502"),
        pytest.param(RetryRule(attempts=1), TIMEOUT, ONCE, id="a timeout is never repeated by default"),
        pytest.param(on(500, 504), TIMEOUT, ONCE, id="a list without 408 does not repeat a timeout"),
        pytest.param(on(408), TIMEOUT, AGAIN, id="a list with 408 does"),
        pytest.param(on(500), error(503), ONCE, id="a list replaces the default codes"),
        pytest.param(on(409), failure(Cause.INVALID, 409), AGAIN, id="a listed 4xx is repeated"),
        pytest.param(on(401), failure(Cause.AUTH, 401), AGAIN, id="even of a credential"),
        pytest.param(RetryRule(attempts=1), QUOTA, ONCE, id="an exhausted quota is no rate limit though it is a 429"),
        pytest.param(ANY_CODE, QUOTA, ONCE, id="an exhausted quota is not repeated, listed or not"),
        pytest.param(ANY_CODE, REFUSED, ONCE, id="a refused prompt is not repeated, listed or not"),
        pytest.param(ANY_CODE, UNSUPPORTED, ONCE, id="what cannot be expressed is not repeated"),
        pytest.param(ANY_CODE, failure(Cause.BUDGET), ONCE, id="a ceiling of ours is not tried again"),
        pytest.param(ANY_CODE, failure(Cause.DEADLINE), ONCE, id="nor is the deadline"),
        pytest.param(ANY_CODE, EMPTY, ONCE, id="an empty answer has no code that could be listed"),
        pytest.param(ANY_CODE, error(500, terminal=True), ONCE, id="nothing follows a terminal failure"),
        pytest.param(RetryRule(), error(503), ONCE, id="nothing is repeated unless attempts are configured"),
    ],
)
async def test_what_is_repeated(rule, failure, again):
    only = leaf("only", failure, "a picture")
    answer = await ask(Retry(only, rule), rng=Draw(SHORTEST))
    if again:
        assert answer.reply == "a picture"
        assert (only.calls, answer.at) == ([0, 1], 2)
    else:
        assert answer.failure is failure
        assert (only.calls, answer.at) == ([0], 1)


def rule(attempts=5, **more):
    return RetryRule(attempts=attempts, use_retry_after=True, **more)


@pytest.mark.parametrize(
    ("rule", "failures", "share", "calls"),
    [
        pytest.param(
            RetryRule(attempts=5), [error(500)] * 6, LONGEST, [0, 1.5, 3.5, 6.5, 11.5, 20.5], id="doubles up to 8 s"
        ),
        pytest.param(RetryRule(attempts=5), [error(500)] * 6, SHORTEST, [0, 1, 2, 3, 4, 5], id="may not wait at all"),
        pytest.param(RetryRule(attempts=2), [error(500)] * 3, 0.5, [0, 1.25, 2.75], id="any share between"),
        pytest.param(RetryRule(attempts=4), [error(429)] * 5, LONGEST, [0, 2, 5, 10, 19], id="starts at 1 s after 429"),
        pytest.param(
            RetryRule(attempts=2), [error(500), error(429), error(500)], LONGEST, [0, 1.5, 4.5], id="each by its own"
        ),
        pytest.param(
            RetryRule(attempts=1), [error(429, retry_after=7)] * 2, LONGEST, [0, 2], id="a hint is ignored unless asked"
        ),
        pytest.param(rule(1), [error(429, retry_after=10)] * 2, SHORTEST, [0, 11], id="a hint is never cut short"),
        pytest.param(
            rule(1), [error(429, retry_after=10)] * 2, LONGEST, [0, 12], id="and stretched by a tenth at most"
        ),
        pytest.param(
            rule(1), [error(500, retry_after=10)] * 2, SHORTEST, [0, 11], id="a hint counts on any listed code"
        ),
        pytest.param(rule(1), [error(429, retry_after=0)] * 2, LONGEST, [0, 1], id="a hint of 0 s means at once"),
        pytest.param(rule(1), [error(429)] * 2, LONGEST, [0, 2], id="without a hint the back-off decides"),
        pytest.param(rule(1), [error(429, retry_after=60)] * 2, SHORTEST, [0, 61], id="60 s are waited"),
        pytest.param(rule(1), [error(429, retry_after=60)] * 2, LONGEST, [0, 61], id="the stretch ends at 60 s"),
        pytest.param(rule(1), [error(429, retry_after=60.1)], SHORTEST, [0], id="more than 60 s are not"),
        pytest.param(
            rule(5), [error(429, retry_after=25)] * 3, SHORTEST, [0, 26, 52], id="nor more than 60 s in total"
        ),
        pytest.param(
            rule(5),
            [error(429, retry_after=30), error(429, retry_after=30), error(429, retry_after=1)],
            SHORTEST,
            [0, 31, 62],
            id="60 s in total are waited and nothing beyond",
        ),
        pytest.param(
            RetryRule(attempts=1, backoff=Backoff(base=3)), [error(500)] * 2, LONGEST, [0, 4], id="its base can be set"
        ),
    ],
)
async def test_how_long_it_waits(rule, failures, share, calls):
    only = leaf("only", *failures)
    answer = await ask(target(only, rule), rng=Draw(share))
    assert answer.failure is failures[-1]
    assert only.calls == pytest.approx(calls)
    assert answer.at == pytest.approx(calls[-1] + 1)
    assert answer.journey.retries == -1


@pytest.mark.parametrize(
    ("failure", "deadline", "calls"),
    [
        pytest.param(error(500), 1.51, [0, 1.5], id="a wait that leaves any time at all is waited"),
        pytest.param(error(500), 1.5, [0], id="a wait that ends with the deadline is not started"),
        pytest.param(error(429, retry_after=10), 11, [0], id="a hint that ends with the deadline is not waited for"),
        pytest.param(error(429, retry_after=10), 11.5, [0, 11], id="a hint that fits is, though its stretch does not"),
    ],
)
async def test_a_wait_that_does_not_fit_the_deadline_is_not_started(failure, deadline, calls):
    only = leaf("only", failure, Turn(failure, seconds=0))
    answer = await ask(target(only, rule(1)), deadline=deadline)
    assert answer.failure == failure
    assert only.calls == pytest.approx(calls)
    assert answer.at < deadline


@pytest.mark.parametrize(
    ("hint", "share", "calls", "next_calls"),
    [
        pytest.param(2.1, SHORTEST, [0], [1], id="longer than 2 s is left to the sibling at once"),
        pytest.param(59, LONGEST, [0], [1], id="a minute even more so"),
        pytest.param(2, LONGEST, [0, 3], [4], id="2 s are waited, and not stretched beyond"),
        pytest.param(1, LONGEST, [0, 2.1], [3.1], id="1 s is waited and stretched"),
    ],
)
async def test_with_an_untried_sibling_a_long_hint_is_not_waited_for(hint, share, calls, next_calls):
    busy, free = leaf("busy", *[error(429, retry_after=hint)] * 2), leaf("free", "a picture")
    answer = await ask(Fallback([target(busy, rule(1)), target(free)]), rng=Draw(share))
    assert answer.reply == "a picture"
    assert (busy.calls, free.calls) == (pytest.approx(calls), pytest.approx(next_calls))
    assert answer.journey.retries == 0, "the leaf that answered needed none"


async def test_a_sibling_that_the_rule_would_not_move_on_to_is_no_reason_not_to_wait():
    busy, free = leaf("busy", error(429, retry_after=10), "a picture"), leaf("free")
    tree = Fallback([target(busy, rule(1)), target(free)], FallbackRule(on_status_codes=frozenset({500})))
    answer = await ask(tree, rng=Draw(SHORTEST))
    assert answer.reply == "a picture"
    assert (busy.calls, free.calls, answer.journey.retries) == ([0, 11], [], 1)


async def test_a_sibling_of_an_outer_group_is_one_too_and_the_last_child_waits():
    busy, last = leaf("busy", error(429, retry_after=10)), leaf("last", error(429, retry_after=10), "a picture")
    tree = Fallback([Fallback([target(busy, rule(1))]), target(last, rule(1))])
    answer = await ask(tree, rng=Draw(SHORTEST))
    assert answer.reply == "a picture"
    assert (busy.calls, last.calls, answer.journey.retries) == ([0], [1, 12], 1)


async def test_a_long_back_off_of_our_own_is_waited_though_there_is_a_sibling():
    sick, free = leaf("sick", *[error(500)] * 4), leaf("free", "a picture")
    answer = await ask(Fallback([target(sick, rule(3)), target(free)]))
    assert answer.reply == "a picture"
    assert (sick.calls, free.calls) == ([0, 1.5, 3.5, 6.5], [7.5])


@pytest.mark.parametrize(
    ("attempts", "script", "allowance", "count"),
    [
        pytest.param(2, ["a picture"], 1, 0, id="the first try answered"),
        pytest.param(2, [error(500), "a picture"], 1, 1, id="the first retry answered"),
        pytest.param(2, [error(500), error(500), "a picture"], 1, 2, id="the last retry answered"),
        pytest.param(2, [error(500)] * 3, 1, -1, id="all retries were spent"),
        pytest.param(2, [error(500), REFUSED], 1, 1, id="a retry was refused, which no retry could mend"),
        pytest.param(2, [REFUSED], 1, 0, id="the first try was refused"),
        pytest.param(0, [error(500)], 1, 0, id="no retries were configured, so none were spent"),
        pytest.param(2, [CUT], 0, -1, id="money forbade the first retry"),
        pytest.param(2, [CUT, CUT], 1, -1, id="money forbade the second retry"),
        pytest.param(
            2, [error(500), failure(Cause.POLICY, may_be_billed=True)], 0, 1, id="terminal and not repeatable"
        ),
        pytest.param(2, [HANGING], 1, 0, id="the deadline cut the first try"),
        pytest.param(2, [error(500), HANGING], 1, 1, id="the deadline cut the first retry"),
    ],
)
async def test_the_count_of_retries(attempts, script, allowance, count):
    only = leaf("only", *script)
    answer = await ask(target(only, RetryRule(attempts=attempts), allowance=allowance))
    assert answer.journey.retries == count
    assert len(only.calls) == len(answer.tried) == len(script)


async def test_jitter_stays_within_its_bounds_and_fills_them():
    rng, waits = random.Random(7), []
    for _ in range(2000):
        only = leaf("only", error(500), error(500), "a picture")
        await ask(target(only, RetryRule(attempts=2)), rng=rng)
        first, second, third = only.calls
        waits.append((second - first - 1, third - second - 1))
    for number, bound in ((0, 0.5), (1, 1.0)):
        drawn = [pair[number] for pair in waits]
        assert 0 <= min(drawn) < 0.01 * bound
        assert 0.99 * bound < max(drawn) <= bound + 1e-9
        assert sum(drawn) / len(drawn) == pytest.approx(bound / 2, rel=0.05)


async def test_a_hint_is_spread_so_that_callers_do_not_return_as_one():
    rng, waits = random.Random(7), []
    for _ in range(1000):
        only = leaf("only", error(429, retry_after=10), "a picture")
        await ask(target(only, rule(1)), rng=rng)
        waits.append(only.calls[1] - only.calls[0] - 1)
    assert 10 - 1e-6 <= min(waits) < 10.01
    assert 10.99 < max(waits) <= 11 + 1e-6


async def test_a_deadline_around_the_leaf_counts_and_not_that_of_the_request():
    only = leaf("only", error(500))
    answer = await ask(Deadline(target(only, rule(1)), 1.2))
    assert (answer.failure.status, only.calls, answer.at) == (500, [0], 1)


async def test_a_crash_in_a_retry_comes_out_as_it_is():
    only = leaf("only", error(500), Turn(LookupError("bug")))
    with pytest.raises(LookupError, match="bug"):
        await ask(target(only, rule(2)))
    assert only.calls == [0, 1.5]


async def test_the_same_retry_serves_many_requests_at_once():
    leaves = [leaf(f"leaf {index}", error(500), "a picture") for index in range(3)]
    order = iter(leaves)
    mine = {}

    async def shared(request, context):
        if id(context.journey) not in mine:
            mine[id(context.journey)] = next(order)
        return await mine[id(context.journey)](request, context)

    tree = target(shared, rule(1))
    answers = await asyncio.gather(*(ask(tree) for _ in leaves))
    assert [answer.outcome for answer in answers] == [Success("a picture")] * 3
    assert [each.calls for each in leaves] == [[0, 1.5]] * 3
    assert [answer.journey.retries for answer in answers] == [1, 1, 1]
