"""What holds for every tree, whatever its leaves do."""

import asyncio
import itertools
import math
import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as some

from gateway import virtual_time
from strategies import (
    BILLING,
    Branch,
    Cause,
    Conditional,
    Context,
    Deadline,
    Failure,
    Fallback,
    FallbackRule,
    Journey,
    LoadBalance,
    RetryRule,
    Success,
)
from strategies.retry import DEFAULT_CODES
from tests.strategies.scripted import (
    CUT,
    EMPTY,
    FOREVER,
    REFUSED,
    REQUEST,
    UNREACHABLE,
    UNSUPPORTED,
    Answer,
    Leaf,
    Turn,
    error,
    failure,
    target,
)

DEPTH = 5
LONG_AFTER = 1000.0
RESOLUTION = 1e-9
"""A loop wakes whatever is due within its clock's resolution."""

KINDS = ("leaf", "fallback", "fallback", "fallback", "balance", "condition", "deadline")
OUTCOMES = (
    Success("a picture"),
    Success("another"),
    UNREACHABLE,
    UNREACHABLE,
    UNSUPPORTED,
    REFUSED,
    CUT,
    EMPTY,
    error(429),
    error(429, retry_after=1.5),
    error(429, retry_after=30),
    error(500),
    error(500),
    error(503),
    error(504, may_be_billed=True),
    failure(Cause.AUTH, 429),
    failure(Cause.BUDGET, reached=False),
    failure(Cause.TIMEOUT),
)
CODES = (DEFAULT_CODES, DEFAULT_CODES, DEFAULT_CODES | {408}, frozenset({503}))
RULES = (
    FallbackRule(),
    FallbackRule(),
    FallbackRule(on_status_codes=frozenset({408, 429, 500, 502, 503, 504})),
    FallbackRule(on_causes=frozenset(Cause)),
)
LIMITS = (0.1, 2.0, 10.0, 45.0, 45.0)


@dataclass(frozen=True, slots=True)
class Planned:
    """A leaf as it is written: exactly one turn for each try that it may be given."""

    rule: RetryRule
    timeout: float | None
    script: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A tree with its leaves, and the bounds of one request through it."""

    shape: object
    leaves: tuple[Planned, ...]
    billing: str
    deadline: float
    max_attempts: int | None
    seed: int


def case_of(seed):
    """Make up a case; drawn by hand, as a thousand deep trees take hypothesis itself a minute."""
    rng = random.Random(seed)
    leaves = tuple(planned(rng) for _ in range(rng.randint(1, 6)))
    return Case(
        shape=shape_of(rng, len(leaves), DEPTH),
        leaves=leaves,
        billing=rng.choice(list(BILLING)),
        deadline=rng.choice((1.0, 5.0, 30.0, 180.0, 180.0, 180.0)),
        max_attempts=rng.choice((None, None, None, 2, 3, 6)),
        seed=seed,
    )


def planned(rng):
    rule = RetryRule(
        attempts=rng.choice((0, 0, 1, 2, 3)),
        on_status_codes=rng.choice(CODES),
        use_retry_after=rng.random() < 0.5,
    )
    script = tuple(
        Turn(
            rng.choice(OUTCOMES),
            seconds=rng.choice((0.0, 0.1, 0.25, 0.25, 0.5, 1.0, 1.0, 2.0, 7.5, 20.0, FOREVER)),
            connects=rng.choice((0.0, 0.0, 0.0, 0.5, math.inf)),
        )
        for _ in range(1 + rule.attempts)
    )
    return Planned(rule, rng.choice((None, None, *LIMITS)), script)


def shape_of(rng, leaves, depth):
    kind = rng.choice({DEPTH: ("fallback",), 1: ("leaf",)}.get(depth, KINDS))
    if kind == "leaf":
        return rng.randrange(leaves)
    if kind == "deadline":
        return (kind, rng.choice(LIMITS), [shape_of(rng, leaves, depth - 1)])
    about = {"fallback": rng.choice(RULES), "balance": rng.randint(0, 2), "condition": rng.choice((0, 0, 1, 2, 3))}[
        kind
    ]
    return (kind, about, [shape_of(rng, leaves, depth - 1) for _ in range(rng.choice((1, 2, 3, 3)))])


def plant(shape, targets):
    """Build the tree; a leaf may hang in it more than once."""
    if isinstance(shape, int):
        return targets[shape]
    kind, about, parts = shape
    children = [plant(part, targets) for part in parts]
    if kind == "deadline":
        return Deadline(children[0], about)
    if kind == "fallback":
        return Fallback(children, about)
    if kind == "balance":
        return LoadBalance(children, [1 + (about * index) for index in range(len(children))])
    branches = [Branch(lambda _, index=index: index == about, child) for index, child in enumerate(children)]
    return Conditional(branches[1:], children[0] if about == 0 else None)


class Grown:
    """A case brought to life."""

    def __init__(self, case):
        self.leaves = [Leaf(str(index), each.script) for index, each in enumerate(case.leaves)]
        self.tree = plant(
            case.shape,
            [
                target(leaf, each.rule, timeout=each.timeout, allowance=BILLING[case.billing])
                for leaf, each in zip(self.leaves, case.leaves, strict=True)
            ],
        )
        self.journey = Journey(rng=random.Random(case.seed), max_attempts=case.max_attempts)
        self.deadline = case.deadline

    async def run(self):
        outcome = await self.tree(REQUEST, Context(self.journey, self.deadline))
        return Answer(outcome, asyncio.get_running_loop().time(), self.journey)

    async def nothing_runs_any_more(self):
        calls = self.calls
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await asyncio.sleep(LONG_AFTER)
        assert self.calls == calls

    @property
    def calls(self):
        return sorted(call for leaf in self.leaves for call in leaf.calls)


def check_story(case, grown):
    """Check what holds at any moment, however the request ended."""
    attempts = grown.journey.attempts
    assert [attempt.started for attempt in attempts] == grown.calls
    assert all(attempt.ended is not None and attempt.started <= attempt.ended for attempt in attempts)
    assert all(one.ended <= other.started for one, other in itertools.pairwise(attempts))
    assert all(attempt.started < case.deadline for attempt in attempts)
    assert len(attempts) <= sum(1 + each.rule.attempts for each in case.leaves)
    assert case.max_attempts is None or len(attempts) <= case.max_attempts
    assert grown.journey.maybe_billed <= BILLING[case.billing] + 1


def check_answer(case, answer):
    attempts = answer.journey.attempts
    outcomes = [attempt.outcome for attempt in attempts]
    assert answer.at <= case.deadline + RESOLUTION
    assert all(isinstance(outcome, Success | Failure) for outcome in outcomes)
    assert all(isinstance(outcome, Failure) for outcome in outcomes[:-1]), "nothing follows a success"
    assert sum(outcome.billable for outcome in outcomes if isinstance(outcome, Failure)) == answer.journey.maybe_billed
    assert not any(outcome.terminal for outcome in outcomes[:-1]), "nothing follows a terminal failure"
    if isinstance(answer.outcome, Success):
        assert answer.outcome is outcomes[-1]
        assert answer.journey.retries >= 0
        return
    assert not any(isinstance(outcome, Success) for outcome in outcomes)
    told = replace(answer.outcome, terminal=False)
    if told.reached:
        assert told in [replace(outcome, terminal=False) for outcome in outcomes]
    if not any(each.rule.attempts for each in case.leaves):
        reached = [replace(outcome, terminal=False) for outcome in outcomes if outcome.reached]
        assert not reached or told == reached[-1], "the last failure that reached a provider is told"


SEEDS = some.integers(0, 2**32)
relaxed = settings(deadline=None, database=None)


@settings(relaxed, max_examples=2000)
@given(SEEDS)
def test_every_request_keeps_its_bounds_and_leaves_nothing_behind(seed):
    case = case_of(seed)
    note(repr(case))

    async def main():
        grown = Grown(case)
        answer = await grown.run()
        check_story(case, grown)
        check_answer(case, answer)
        await grown.nothing_runs_any_more()

    virtual_time.run(main())


@settings(relaxed, max_examples=500)
@given(SEEDS)
def test_a_caller_who_leaves_stops_everything_at_once(seed):
    case = case_of(seed)
    note(repr(case))
    leaves_at = random.Random(seed).choice((0.0, 0.3, 1.0, 1.7, 8.0))

    async def main():
        grown = Grown(case)
        request = asyncio.create_task(grown.run())
        await asyncio.sleep(leaves_at)
        answered = request.done()
        request.cancel()
        if answered:
            return
        with pytest.raises(asyncio.CancelledError):
            await request
        assert asyncio.get_running_loop().time() == pytest.approx(leaves_at, abs=RESOLUTION)
        check_story(case, grown)
        attempts = grown.journey.attempts
        cut = [attempt for attempt in attempts if attempt.outcome is None and attempt.sent]
        billed = [attempt for attempt in attempts if isinstance(attempt.outcome, Failure) and attempt.outcome.billable]
        assert grown.journey.maybe_billed == len(cut) + len(billed)
        await grown.nothing_runs_any_more()

    virtual_time.run(main())
