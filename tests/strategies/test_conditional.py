from strategies import Branch, Cause, Conditional, Fallback
from tests.strategies.scripted import REQUEST, ask, error, leaf


def asked(seen, answer):
    def holds(request):
        seen.append(request)
        return answer

    return holds


async def test_the_first_branch_that_holds_answers_and_later_conditions_are_not_asked():
    none, first, second = leaf("none"), leaf("first", "a picture"), leaf("second")
    seen = []
    tree = Conditional(
        [Branch(asked(seen, False), none), Branch(asked(seen, True), first), Branch(asked(seen, True), second)]
    )
    answer = await ask(tree)
    assert answer.reply == "a picture"
    assert (none.calls, first.calls, second.calls, answer.at) == ([], [0], [], 1)
    assert seen == [REQUEST, REQUEST], "each condition once, on the request as it came"
    assert first.requests == [REQUEST]


async def test_the_default_answers_where_no_condition_holds():
    branch, default = leaf("branch"), leaf("default", "a picture")
    answer = await ask(Conditional([Branch(asked([], False), branch)], default))
    assert answer.reply == "a picture"
    assert (branch.calls, default.calls) == ([], [0])


async def test_without_a_default_there_is_no_route_and_no_attempt():
    branch = leaf("branch")
    answer = await ask(Conditional([Branch(asked([], False), branch)]))
    failure = answer.failure
    assert (failure.cause, failure.code, failure.seen_status, failure.billable) == (
        Cause.INVALID,
        "no_route",
        400,
        False,
    )
    assert (branch.calls, answer.tried, answer.at) == ([], [], 0)


async def test_a_chosen_branch_that_fails_is_the_answer_and_the_default_is_not_asked():
    branch, default = leaf("branch", error(500)), leaf("default")
    answer = await ask(Conditional([Branch(asked([], True), branch)], default))
    assert answer.failure.status == 500
    assert (branch.calls, default.calls, answer.at) == ([0], [], 1)


async def test_a_fallback_around_it_is_a_way_out_for_the_chosen_branch():
    branch, other = leaf("branch", error(500)), leaf("other", "a picture")
    answer = await ask(Fallback([Conditional([Branch(asked([], True), branch)]), other]))
    assert answer.reply == "a picture"
    assert branch.contexts[0].has_way_out(error(500))
    assert not other.contexts[0].has_way_out(error(500))
    assert (branch.calls, other.calls) == ([0], [1])
