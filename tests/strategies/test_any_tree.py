"""What holds for every tree, whatever its leaves do."""

import asyncio
import itertools
import math
import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as some

from gateway import virtual_time
from strategies import (
    BILLING,
    Branch,
    BreakerRule,
    Cause,
    Conditional,
    Context,
    Deadline,
    Failure,
    Fallback,
    FallbackRule,
    Health,
    Hedge,
    Journey,
    LoadBalance,
    Preference,
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
    at_rest,
    error,
    failure,
    lent,
    target,
)

DEPTH = 5
LONG_AFTER = 1000.0
RESOLUTION = 1e-9
"""A loop wakes whatever is due within its clock's resolution."""
NERVOUS = BreakerRule(consecutive=2, cooldown=3.0)

KINDS = ("leaf", "fallback", "fallback", "fallback", "balance", "condition", "deadline", "hedge", "hedge")
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
    health: int
    """Which of the case's targets it leads to; some leaves lead to the same one."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How a target was before the requests came."""

    failures: int
    throttled: float
    most_at_once: int | None

    def health(self):
        health = Health(NERVOUS, self.most_at_once)
        for _ in range(self.failures):
            lease = health.breaker.enter(0.0, 1.0)
            if lease is not None:
                health.breaker.leave(lease, 0.0, random.Random(0), well=False)
        health.throttled = self.throttled
        return health


@dataclass(frozen=True, slots=True)
class Case:
    """A tree with its leaves, the bounds of each request through it, and when the requests come."""

    shape: object
    leaves: tuple[Planned, ...]
    targets: tuple[Condition, ...]
    starts: tuple[float, ...]
    billing: str
    deadline: float
    max_attempts: int | None
    seed: int


def case_of(seed):
    """Make up a case; drawn by hand, as a thousand deep trees take hypothesis itself a minute."""
    rng = random.Random(seed)
    starts = rng.choice(((0.0,), (0.0,), (0.0, 0.0), (0.0, 0.7, 2.5)))
    count, only_once = rng.randint(1, 6), []
    shape = shape_of(rng, count, DEPTH, only_once)
    targets = tuple(condition(rng) for _ in range(rng.randint(2, 6)))
    return Case(
        shape=shape,
        leaves=tuple(planned(rng, len(starts), len(targets)) for _ in range(count + len(only_once))),
        targets=targets,
        starts=starts,
        billing=rng.choice(list(BILLING)),
        deadline=rng.choice((1.0, 5.0, 30.0, 180.0, 180.0, 180.0)),
        max_attempts=rng.choice((None, None, None, 2, 3, 6)),
        seed=seed,
    )


def condition(rng):
    return Condition(
        failures=rng.choice((0, 0, 0, 1, 2)),
        throttled=rng.choice((-math.inf, -math.inf, -math.inf, 0.5, 30.0)),
        most_at_once=rng.choice((None, None, 1, 2)),
    )


def planned(rng, requests, targets):
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
        for _ in range((1 + rule.attempts) * requests)
    )
    return Planned(rule, rng.choice((None, None, *LIMITS)), script, rng.randrange(targets))


def shape_of(rng, leaves, depth, only_once, *, hedged=False):
    """Make up a tree; what is asked beside others hangs in the tree only once, as everything does in a config."""
    kind = rng.choice({DEPTH: ("fallback",), 1: ("leaf",)}.get(depth, KINDS))
    if kind == "leaf" and not hedged:
        return rng.randrange(leaves)
    if kind in {"leaf", "hedge"}:
        only_once.append(kind)
        leaf = leaves + len(only_once) - 1
        if kind == "leaf":
            return leaf
        about = (rng.choice((0.0, 0.3, 1.0, 2.0)), rng.choice(RULES))
        return (kind, about, [leaf, shape_of(rng, leaves, depth - 1, only_once, hedged=True)])
    if kind == "deadline":
        return (kind, rng.choice(LIMITS), [shape_of(rng, leaves, depth - 1, only_once, hedged=hedged)])

    def part():
        return shape_of(rng, leaves, depth - 1, only_once, hedged=hedged)

    about = {
        "fallback": rng.choice(RULES),
        "balance": (rng.randint(0, 2), rng.choice((None, None, 1, 2)), rng.choice((None, None, "a", "b"))),
        "condition": rng.choice((0, 0, 1, 2, 3)),
    }[kind]
    return (kind, about, [part() for _ in range(rng.choice((1, 2, 3, 3)))])


def plant(shape, targets, allowance):
    """Build the tree; a leaf may hang in it more than once."""
    if isinstance(shape, int):
        return targets[shape]
    kind, about, parts = shape
    children = [plant(part, targets, allowance) for part in parts]
    if kind == "hedge":
        after, rule = about
        return Hedge(*children, lambda _: after, children[0].inner.health_of, rule, allowance)
    if kind == "deadline":
        return Deadline(children[0], about)
    if kind == "fallback":
        return Fallback(children, about)
    if kind == "balance":
        step, looks_at, pin = about
        preference = None if looks_at is None else Preference(lambda _, index: -index, looks_at)
        weights = [1 + (step * index) for index in range(len(children))]
        return LoadBalance(children, weights, preference, None if pin is None else lambda _: pin)
    branches = [Branch(lambda _, index=index: index == about, child) for index, child in enumerate(children)]
    return Conditional(branches[1:], children[0] if about == 0 else None)


@dataclass(eq=False)
class Watched(Leaf):
    """Sees that no request begins here while the target wants to be left alone."""

    health: Health = field(kw_only=True)

    async def __call__(self, request, context, /):
        first = sum(attempt.target == self.name for attempt in context.journey.attempts) == 1
        assert not first or asyncio.get_running_loop().time() >= self.health.throttled
        return await super().__call__(request, context)


class Grown:
    """A case brought to life."""

    def __init__(self, case):
        self.case = case
        self.healths = [condition.health() for condition in case.targets]
        self.leaves = [
            Watched(str(index), each.script, health=self.healths[each.health]) for index, each in enumerate(case.leaves)
        ]
        allowance = BILLING[case.billing]
        targets = [
            target(leaf, each.rule, timeout=each.timeout, allowance=allowance, health=leaf.health)
            for leaf, each in zip(self.leaves, case.leaves, strict=True)
        ]
        self.tree = plant(case.shape, targets, allowance)
        self.journeys = [
            Journey(rng=random.Random(case.seed + number), max_attempts=case.max_attempts)
            for number in range(len(case.starts))
        ]

    async def run(self, number):
        start, journey = self.case.starts[number], self.journeys[number]
        await asyncio.sleep(start)
        outcome = await self.tree(REQUEST, Context(journey, start + self.case.deadline))
        return Answer(outcome, asyncio.get_running_loop().time(), journey)

    async def nothing_runs_any_more(self):
        calls = self.calls
        assert asyncio.all_tasks() == {asyncio.current_task()}
        for health, condition in zip(self.healths, self.case.targets, strict=True):
            assert lent(health) == at_rest(condition.most_at_once)
        await asyncio.sleep(LONG_AFTER)
        assert self.calls == calls

    @property
    def calls(self):
        return sorted(call for leaf in self.leaves for call in leaf.calls)


def hedges_in(shape):
    if isinstance(shape, int):
        return 0
    kind, _, parts = shape
    return (kind == "hedge") + sum(map(hedges_in, parts))


def check_story(case, grown):
    """Check what holds at any moment, however the requests ended."""
    stories = [journey.attempts for journey in grown.journeys]
    assert sorted(attempt.started for attempts in stories for attempt in attempts) == grown.calls
    allowance = BILLING[case.billing]
    for number, (start, journey) in enumerate(zip(case.starts, grown.journeys, strict=True)):
        attempts = journey.attempts
        note(f"request {number}: {attempts}")
        assert all(attempt.ended is not None and attempt.started <= attempt.ended for attempt in attempts)
        assert all(attempt.started < start + case.deadline for attempt in attempts)
        assert len(attempts) <= sum(1 + each.rule.attempts for each in case.leaves)
        assert case.max_attempts is None or len(attempts) <= case.max_attempts
        assert journey.maybe_billed <= allowance + 1
        assert at_once(attempts) <= 1 + min(hedges_in(case.shape), allowance)
        for attempt in attempts:
            if isinstance(attempt.outcome, Success) or (attempt.outcome is not None and attempt.outcome.terminal):
                assert all(other.started <= attempt.ended for other in attempts), "nothing begins after what is final"


def at_once(attempts):
    """Return how many attempts were under way at most at a time; what begins as another ends is not beside it."""
    steps = sorted([(one.started, 1) for one in attempts if one.started < one.ended]
                   + [(one.ended, -1) for one in attempts if one.started < one.ended])  # fmt: skip
    return max([0, *itertools.accumulate(step for _, step in steps)])


def check_answer(case, number, answer):
    attempts = answer.journey.attempts
    outcomes = [attempt.outcome for attempt in attempts]
    assert answer.at <= case.starts[number] + case.deadline + RESOLUTION
    cancelled = [attempt for attempt in attempts if attempt.outcome is None]
    hedged = hedges_in(case.shape) > 0
    assert hedged or not cancelled
    billed = [outcome for outcome in outcomes if isinstance(outcome, Failure) and outcome.billable]
    assert len(billed) + sum(attempt.sent for attempt in cancelled) == answer.journey.maybe_billed
    if isinstance(answer.outcome, Success):
        assert any(answer.outcome is outcome for outcome in outcomes)
        assert hedged or answer.outcome is outcomes[-1]
        assert answer.journey.retries >= 0
        return
    # What the first says for good may come in the same moment as the second's picture.
    ignored = [attempt for attempt in attempts if isinstance(attempt.outcome, Success) and attempt.ended < answer.at]
    assert not ignored
    told = replace(answer.outcome, terminal=False)
    if told.reached:
        assert told in [replace(outcome, terminal=False) for outcome in outcomes if outcome is not None]
    if not hedged and not any(each.rule.attempts for each in case.leaves):
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
        answers = await asyncio.gather(*(grown.run(number) for number in range(len(case.starts))))
        check_story(case, grown)
        for number, answer in enumerate(answers):
            check_answer(case, number, answer)
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
        requests = [asyncio.create_task(grown.run(number)) for number in range(len(case.starts))]
        await asyncio.sleep(leaves_at)
        leaving = [
            (request, journey) for request, journey in zip(requests, grown.journeys, strict=True) if not request.done()
        ]
        for request, _ in leaving:
            request.cancel()
        await asyncio.wait(requests)
        assert all(request.cancelled() for request, _ in leaving)
        assert asyncio.get_running_loop().time() == pytest.approx(leaves_at, abs=RESOLUTION)
        check_story(case, grown)
        for _, journey in leaving:
            cut = [attempt for attempt in journey.attempts if attempt.outcome is None and attempt.sent]
            failed = [attempt.outcome for attempt in journey.attempts if isinstance(attempt.outcome, Failure)]
            assert journey.maybe_billed == len(cut) + sum(outcome.billable for outcome in failed)
        await grown.nothing_runs_any_more()

    virtual_time.run(main())
