import asyncio
import math
import random
from dataclasses import dataclass, field

import pytest

from gateway.compile import compile_config, renames_model
from strategies import (
    Attempt,
    Cause,
    Conditional,
    Context,
    Deadline,
    Failure,
    Fallback,
    Journey,
    LoadBalance,
    Retry,
    Success,
    Timeout,
)
from tests.gateway.scripted import asking, spec_of

SANDBOX = {"provider": "sandbox"}
CUT = Failure(cause=Cause.INCOMPLETE, message="cut off")
BUSY = Failure(cause=Cause.PROVIDER_ERROR, message="busy", status=500)


@dataclass(eq=False)
class Scripted:
    """A leaf that answers by script and notes how long it was given."""

    spec: object
    checks: bool
    script: list = field(default_factory=list)
    given: list = field(default_factory=list)

    async def __call__(self, _request, context, /):
        self.given.append(context.remaining())
        return self.script.pop(0) if self.script else Success(self.spec.path)


def compiled(data, **scripts):
    """Return the route and its leaves by name or path."""
    leaves = {}

    def make(spec, checks):
        name = spec.name or spec.path
        leaves[name] = Scripted(spec, checks, list(scripts.get(name, ())))
        return leaves[name]

    return compile_config(spec_of(data), make), leaves


async def outcome_of(route, request=None, seed=0):
    journey = Journey(rng=random.Random(seed), max_attempts=route.spec.max_attempts)
    context = Context(journey, asyncio.get_running_loop().time() + route.deadline)
    return await route.tree(request or asking(), context), journey


def test_one_target_is_nested_retry_attempt_timeout_leaf():
    route, leaves = compiled(
        {**SANDBOX, "request_timeout": 2500, "billing": "strict", "retry": {"attempts": 3, "on_status_codes": [500]}}
    )
    retry = route.tree
    assert isinstance(retry, Retry)
    assert (retry.rule.attempts, retry.rule.on_status_codes, retry.rule.use_retry_after) == (3, {500}, False)
    assert isinstance(retry.inner, Attempt)
    assert (retry.inner.target, retry.inner.allowance) == ("config", 0.0)
    assert isinstance(retry.inner.inner, Timeout)
    assert retry.inner.inner.seconds == 2.5
    assert retry.inner.inner.inner is leaves["config"]


def test_a_target_that_says_nothing_gets_the_defaults():
    route, _ = compiled(SANDBOX)
    assert (route.tree.rule.attempts, route.tree.inner.allowance) == (0, 1.0)
    assert route.tree.rule.on_status_codes == {429, 500, 502, 503, 504, 529}
    assert route.tree.inner.inner.seconds is None
    assert route.deadline == 180.0


def test_an_empty_list_of_codes_means_the_default_one():
    route, _ = compiled({**SANDBOX, "retry": {"attempts": 1, "on_status_codes": [], "use_retry_after_headers": True}})
    assert route.tree.rule.on_status_codes == {429, 500, 502, 503, 504, 529}
    assert route.tree.rule.use_retry_after


@pytest.mark.parametrize(("word", "allowance"), [("strict", 0), ("once", 1), ("any", math.inf)])
def test_words_about_money(word, allowance):
    assert compiled({**SANDBOX, "billing": word})[0].tree.inner.allowance == allowance


TREE = {
    "strategy": {"mode": "fallback", "on_status_codes": [500], "on_causes": ["timeout"]},
    "retry": {"attempts": 1},
    "targets": [
        {"strategy": {"mode": "loadbalance"}, "targets": [{**SANDBOX, "weight": 3}, {**SANDBOX, "weight": 1}]},
        {
            "strategy": {
                "mode": "conditional",
                "conditions": [{"query": {"metadata.plan": "paid"}, "then": "b"}],
                "default": "a",
            },
            "targets": [{**SANDBOX, "name": "a"}, {**SANDBOX, "name": "b"}],
        },
        {"strategy": {"mode": "single"}, "targets": [SANDBOX]},
    ],
}


def test_a_tree_is_nested_as_it_is_written():
    route, leaves = compiled(TREE)
    assert isinstance(route.tree, Fallback)
    assert (route.tree.rule.on_status_codes, route.tree.rule.on_causes) == ({500}, {Cause.TIMEOUT})
    balance, conditional, single = route.tree.children
    assert isinstance(balance, LoadBalance)
    assert balance.weights == (3.0, 1.0)
    assert isinstance(conditional, Conditional)
    assert conditional.branches[0].then.inner.inner.inner is leaves["b"]
    assert conditional.default.inner.inner.inner is leaves["a"]
    assert isinstance(single, Retry)
    assert single.rule.attempts == 1
    assert list(route.targets) == [
        "config.targets[0].targets[0]",
        "config.targets[0].targets[1]",
        "config.targets[1].targets[0]",
        "config.targets[1].targets[1]",
        "config.targets[2].targets[0]",
    ]


@pytest.mark.parametrize(
    ("change", "renames"),
    [
        ({}, False),
        ({"override_params": {"model": "dall-e-3"}}, True),
        ({"override_params": {"size": "1x1"}}, False),
        ({"default_params": {"model": "dall-e-3"}}, False),
        ({"drop_params": ["model"]}, True),
        ({"drop_params": ["model.x"]}, False),
    ],
    ids=["nothing", "override", "another override", "default", "drop", "drop inside"],
)
def test_whether_the_callers_model_is_replaced(change, renames):
    route, leaves = compiled({**SANDBOX, **change})
    assert route.renames is renames
    assert renames_model(route.targets["config"]) is renames
    assert leaves["config"].checks is renames


def test_a_deployment_replaces_the_model_and_every_leaf_is_told():
    azure = {"provider": "azure-openai", "api_key": "k", "azure_resource_name": "r", "azure_deployment_id": "d"}
    _, leaves = compiled({"strategy": {"mode": "fallback"}, "targets": [SANDBOX, azure]})
    assert [leaf.checks for leaf in leaves.values()] == [True, True]


def test_the_same_config_compiles_to_one_version_however_it_is_spelled():
    snake, _ = compiled({**SANDBOX, "request_timeout": 5})
    camel, _ = compiled({"requestTimeout": 5, **SANDBOX})
    assert snake.spec.version == camel.spec.version
    assert compiled({**SANDBOX, "request_timeout": 6})[0].spec.version != snake.spec.version


async def test_a_deadline_only_shrinks():
    route, leaves = compiled(
        {
            "deadline": 60_000,
            "strategy": {"mode": "fallback"},
            "targets": [
                {**SANDBOX, "name": "longer", "deadline": 90_000},
                {**SANDBOX, "name": "shorter", "deadline": 20_000},
                {**SANDBOX, "name": "none"},
            ],
        },
        longer=[BUSY],
        shorter=[BUSY],
    )
    assert route.deadline == 60.0
    assert isinstance(route.tree, Deadline)
    await outcome_of(route)
    given = {name: leaf.given for name, leaf in leaves.items()}
    assert given == {
        "longer": [pytest.approx(60, abs=0.5)],
        "shorter": [pytest.approx(20, abs=0.5)],
        "none": [pytest.approx(60, abs=0.5)],
    }


async def test_a_tree_runs_as_it_is_written():
    route, leaves = compiled(
        {"strategy": {"mode": "fallback"}, "targets": [{**SANDBOX, "name": "a"}, {**SANDBOX, "name": "b"}]}, a=[BUSY]
    )
    outcome, journey = await outcome_of(route)
    assert outcome.reply == "config.targets[1]"
    assert [attempt.target for attempt in journey.attempts] == ["config.targets[0]", "config.targets[1]"]
    assert [len(leaf.given) for leaf in leaves.values()] == [1, 1]


@pytest.mark.parametrize(
    ("billing", "tried"),
    [("strict", 1), ("once", 2), ("any", 4)],
    ids=["strict stops", "once goes on once", "any goes on"],
)
async def test_money_bounds_what_follows(billing, tried):
    targets = [{**SANDBOX, "name": name} for name in "abcd"]
    route, _ = compiled(
        {"strategy": {"mode": "fallback"}, "billing": billing, "targets": targets}, **{name: [CUT] for name in "abcd"}
    )
    outcome, journey = await outcome_of(route)
    assert (outcome.cause, len(journey.attempts), journey.maybe_billed) == (Cause.INCOMPLETE, tried, tried)


async def test_attempts_are_bounded():
    route, _ = compiled(
        {
            "max_attempts": 2,
            "strategy": {"mode": "fallback"},
            "targets": [{**SANDBOX, "name": name} for name in "abc"],
        },
        a=[BUSY],
        b=[BUSY],
        c=[BUSY],
    )
    outcome, journey = await outcome_of(route)
    assert (outcome.terminal, len(journey.attempts)) == (True, 2)
