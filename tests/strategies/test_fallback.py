import pytest

from strategies import Cause, Deadline, Fallback, FallbackRule, Health, RetryRule, Success
from strategies.fallback import more_telling
from tests.strategies.scripted import (
    CUT,
    EMPTY,
    REFUSED,
    SILENT,
    UNREACHABLE,
    UNSUPPORTED,
    Turn,
    ask,
    error,
    failure,
    leaf,
    target,
)

AUTH = failure(Cause.AUTH, 401)
INVALID = failure(Cause.INVALID, 404)
TIMEOUT = failure(Cause.TIMEOUT)
BUDGET = failure(Cause.BUDGET, reached=False)
DEADLINE = failure(Cause.DEADLINE, reached=False)

ADVANCES, STAYS = True, False


def rule(codes=None, causes=None):
    return FallbackRule(
        None if codes is None else frozenset(codes),
        None if causes is None else frozenset(causes),
    )


@pytest.mark.parametrize(
    ("rule", "failure", "advances"),
    [
        pytest.param(rule(), UNREACHABLE, ADVANCES, id="without a list an unreachable target is passed over"),
        pytest.param(rule(), error(429), ADVANCES, id="without a list a rate limit moves on"),
        pytest.param(rule(), error(500), ADVANCES, id="without a list a provider's error moves on"),
        pytest.param(rule(), TIMEOUT, ADVANCES, id="without a list a timeout moves on"),
        pytest.param(rule(), CUT, ADVANCES, id="without a list a cut answer moves on"),
        pytest.param(rule(), EMPTY, ADVANCES, id="without a list an empty answer moves on"),
        pytest.param(rule(), INVALID, ADVANCES, id="without a list a provider's own 4xx moves on"),
        pytest.param(rule(), UNSUPPORTED, ADVANCES, id="without a list what cannot be expressed moves on"),
        pytest.param(rule(), AUTH, ADVANCES, id="without a list a rejected credential moves on"),
        pytest.param(rule(), REFUSED, STAYS, id="without a list a refusal ends the chain"),
        pytest.param(rule(), BUDGET, STAYS, id="without a list a ceiling of ours ends the chain"),
        pytest.param(rule(), DEADLINE, STAYS, id="without a list the deadline ends the chain"),
        pytest.param(rule([500]), error(500), ADVANCES, id="a listed code moves on"),
        pytest.param(rule([500]), error(503), STAYS, id="an unlisted code ends the chain"),
        pytest.param(rule([408]), TIMEOUT, ADVANCES, id="a timeout is seen as 408"),
        pytest.param(rule([503]), UNREACHABLE, ADVANCES, id="an unreachable target is seen as 503"),
        pytest.param(rule([502]), CUT, ADVANCES, id="a cut answer is seen as 502"),
        pytest.param(rule([422]), UNSUPPORTED, ADVANCES, id="what cannot be expressed is seen as 422"),
        pytest.param(rule([404]), INVALID, ADVANCES, id="a provider's 4xx is seen as it was sent"),
        pytest.param(rule([401]), AUTH, ADVANCES, id="a rejected credential is seen as it was sent"),
        pytest.param(rule([429]), BUDGET, ADVANCES, id="a ceiling of ours is seen as 429 where that is listed"),
        pytest.param(rule([504]), DEADLINE, ADVANCES, id="the deadline is seen as 504 where that is listed"),
        pytest.param(rule([400]), REFUSED, STAYS, id="a listed code never shops a refused prompt around"),
        pytest.param(rule([400], [Cause.POLICY]), REFUSED, ADVANCES, id="a refusal moves on where its cause is listed"),
        pytest.param(rule(causes=[Cause.POLICY]), error(500), STAYS, id="a list of causes replaces the default"),
        pytest.param(rule(causes=[Cause.TIMEOUT]), TIMEOUT, ADVANCES, id="a listed cause moves on"),
        pytest.param(rule(causes=[Cause.BUDGET]), BUDGET, ADVANCES, id="a listed ceiling moves on"),
        pytest.param(rule(causes=[Cause.DEADLINE]), DEADLINE, ADVANCES, id="a listed deadline moves on"),
        pytest.param(rule([500], [Cause.EMPTY]), error(500), ADVANCES, id="of two lists the codes count"),
        pytest.param(rule([500], [Cause.EMPTY]), EMPTY, ADVANCES, id="of two lists the causes count"),
        pytest.param(rule([500], [Cause.EMPTY]), CUT, STAYS, id="what neither list names ends the chain"),
        pytest.param(rule(), error(500, terminal=True), STAYS, id="nothing follows a terminal failure"),
        pytest.param(rule([500], [Cause.PROVIDER_ERROR]), error(500, terminal=True), STAYS, id="listed or not"),
    ],
)
async def test_what_moves_on(rule, failure, advances):
    first, second = leaf("first", failure), leaf("second", "a picture")
    answer = await ask(Fallback([first, second], rule))
    assert first.calls == [0]
    if advances:
        assert answer.reply == "a picture"
        assert second.calls == [1]
        assert answer.at == 2
    else:
        assert answer.failure == failure
        assert second.calls == []
        assert answer.at == 1


@pytest.mark.parametrize(
    ("failures", "told"),
    [
        pytest.param([error(500), error(503)], 1, id="the last failure is told"),
        pytest.param([error(500), UNREACHABLE], 0, id="an unreachable fallback does not mask a provider's answer"),
        pytest.param([UNREACHABLE, error(500)], 1, id="a provider's answer is told before an unreachable primary"),
        pytest.param([UNREACHABLE, failure(Cause.UNREACHABLE, code="last")], 1, id="the last of the unreachable ones"),
        pytest.param([error(500), UNSUPPORTED], 0, id="an unsupported fallback does not mask the primary's error"),
        pytest.param([UNREACHABLE, UNSUPPORTED], 0, id="not even an unreachable primary"),
        pytest.param(
            [UNREACHABLE, failure(Cause.UNSUPPORTED, reached=True)], 0, id="whatever an unsupported one says it reached"
        ),
        pytest.param([UNSUPPORTED, UNREACHABLE], 1, id="an unsupported primary gives way to any later failure"),
        pytest.param([error(500), UNREACHABLE, UNSUPPORTED], 0, id="nor do several of them"),
        pytest.param([error(500), UNREACHABLE, error(502), UNSUPPORTED], 2, id="the last that reached a provider"),
    ],
)
async def test_the_most_telling_failure_is_the_answer(failures, told):
    leaves = [leaf(f"leaf {index}", failure) for index, failure in enumerate(failures)]
    answer = await ask(Fallback(leaves))
    assert answer.failure is failures[told]
    assert [each.calls for each in leaves] == [[float(index)] for index in range(len(failures))]


async def test_a_success_ends_the_chain_and_later_children_are_never_asked():
    first, second, third = leaf("first", error(500)), leaf("second", "a picture"), leaf("third")
    answer = await ask(Fallback([target(first), target(second), target(third)]))
    assert answer.outcome == Success("a picture")
    assert (first.calls, second.calls, third.calls) == ([0], [1], [])
    assert answer.tried == ["first", "second"]


async def test_an_inner_group_is_judged_by_its_most_telling_failure():
    one, two, three = leaf("one", error(500)), leaf("two", UNREACHABLE), leaf("three", "a picture")
    answer = await ask(Fallback([Fallback([one, two]), three], rule([500])))
    assert answer.reply == "a picture"
    assert (one.calls, two.calls, three.calls) == ([0], [1], [2])


async def test_an_inner_group_that_ended_terminally_ends_the_outer_one_whatever_it_tells():
    one, two, three = leaf("one", error(500)), leaf("two", UNREACHABLE), leaf("three")
    tree = Fallback([Fallback([target(one), target(two)]), target(three)])
    answer = await ask(tree, max_attempts=2)
    assert (answer.failure.cause, answer.failure.status) == (Cause.PROVIDER_ERROR, 500)
    assert (one.calls, two.calls, three.calls) == ([0], [1], [])
    assert answer.at == 2


async def test_the_count_of_retries_is_that_of_the_leaf_whose_failure_is_told():
    sick, unable = leaf("sick", error(500), error(500)), leaf("unable", UNSUPPORTED)
    answer = await ask(Fallback([target(sick, RetryRule(attempts=1)), target(unable)]))
    assert answer.failure.status == 500
    assert answer.journey.retries == -1
    assert (sick.calls, unable.calls, answer.at) == ([0, 1.5], [2.5], 3.5)


async def test_that_a_leaf_gave_up_is_remembered_whichever_leaf_is_told():
    sick, plain = leaf("sick", error(500), error(500)), leaf("plain", error(503))
    answer = await ask(Fallback([target(sick, RetryRule(attempts=1)), target(plain)]))
    assert answer.failure.status == 503
    assert (answer.journey.retries, answer.journey.gave_up) == (0, True)


async def test_an_exhausted_leaf_is_not_entered_again_where_it_is_reachable_twice():
    sick, other = leaf("sick", error(500), error(500)), leaf("other", error(503))
    twice = target(sick, RetryRule(attempts=1))
    answer = await ask(Fallback([twice, target(other), Fallback([twice, twice])]))
    assert (sick.calls, other.calls) == ([0, 1.5], [2.5])
    assert answer.failure.status == 503, "the last that reached a provider, not the one that was skipped"
    assert answer.at == 3.5


async def test_another_request_may_enter_the_leaf_that_an_earlier_one_exhausted():
    sick = leaf("sick", error(500), "a picture")
    tree = target(sick)
    first, second = await ask(tree), await ask(tree)
    assert (first.failure.status, second.reply) == (500, "a picture")
    assert sick.calls == [0, 1]


async def test_a_listed_deadline_of_a_subtree_leaves_the_rest_of_the_time_to_the_next_child():
    slow, quick = leaf("slow", Turn(Success("late"), seconds=60)), leaf("quick", "a picture")
    tree = Fallback([Deadline(target(slow), 10), target(quick)], rule(causes=[Cause.DEADLINE]))
    answer = await ask(tree)
    assert answer.reply == "a picture"
    assert (slow.calls, quick.calls, answer.at) == ([0], [10], 11)


async def test_a_subtree_out_of_time_is_judged_by_the_failure_it_tells():
    sick, silent, quick = leaf("sick", Turn(error(500), seconds=9)), leaf("silent", SILENT), leaf("quick", "a picture")
    tree = Fallback([Deadline(Fallback([target(sick), target(silent)]), 10), target(quick)], rule([500]))
    answer = await ask(tree)
    assert answer.reply == "a picture"
    assert (sick.calls, silent.calls, quick.calls, answer.at) == ([0], [9], [10], 11)


async def test_no_child_starts_once_the_deadline_of_the_request_has_passed():
    slow, never = leaf("slow", Turn(Success("late"), seconds=60)), leaf("never")
    answer = await ask(Fallback([target(slow), target(never)], rule(causes=[Cause.DEADLINE])), deadline=10)
    assert answer.failure.cause is Cause.DEADLINE
    assert answer.failure.reached, "what happened to the first child tells more than that the second never started"
    assert (slow.calls, never.calls, answer.at) == ([0], [], 10)
    assert answer.tried == ["slow"]


async def test_only_a_sibling_whose_rule_would_move_on_is_a_way_out():
    inner = leaf("inner", error(429), error(503), UNREACHABLE)
    seen = []

    async def spy(request, context):
        outcome = await inner(request, context)
        seen.append((context.has_way_out(error(429)), context.has_way_out(error(503))))
        return outcome

    nested = Fallback([Fallback([spy, spy], rule([503, 429])), spy], rule([503]))
    await ask(nested)
    assert seen == [(True, True), (False, True), (False, False)]
    assert inner.calls == [0, 1, 2]


def test_the_first_failure_is_the_most_telling_until_there_is_another():
    assert more_telling(None, UNSUPPORTED) is UNSUPPORTED


async def test_attempts_are_kept_for_the_targets_that_have_not_had_their_turn():
    """Case 32: 503 always, three targets that are retried twice, four attempts at most."""
    leaves = [leaf(name, error(503), error(503)) for name in "abc"]
    tree = Fallback([target(node, RetryRule(attempts=2), health=Health()) for node in leaves])
    answer = await ask(tree, max_attempts=4)
    assert answer.tried == ["a", "a", "b", "c"]
    assert answer.failure.terminal
