import asyncio
import math
import random
from dataclasses import dataclass, field

import pytest

from gateway import compile as compiling
from gateway.compile import compile_config, renames_model
from gateway.images import ImageRequest
from gateway.providers import PROVIDERS
from gateway.target import FanOut, ImageTarget, Outside, Paid, Pools
from strategies import (
    Attempt,
    Cause,
    Conditional,
    Context,
    Deadline,
    Failure,
    Fallback,
    Gate,
    Hedge,
    Journey,
    LoadBalance,
    Retry,
    Success,
    Timeout,
)
from tests.gateway.scripted import After, ScriptedTransport, answer, asking, refused, run, spec_of

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


# --- as it is compiled with real leaves, which are known from one request to the next ---


def server(name, model="gpt-image-2", **more):
    target = {"provider": "openai", "api_key": "not-real", "override_params": {"model": model}, **more}
    return {**target, "custom_host": f"https://{name}.example/v1"}


class Served:
    """A config with real targets, whose provider answers by script."""

    def __init__(self, data, *script, pools=None):
        self.transport = ScriptedTransport(list(script))
        self.pools = pools or Pools()
        outside = Outside(transport=self.transport, pools=self.pools)
        self.leaves = {}

        def leaf(spec, checks):
            self.leaves[spec.path] = ImageTarget(spec, PROVIDERS[spec.provider], outside, checks)
            return self.leaves[spec.path]

        self.route = compile_config(spec_of(data), leaf)

    async def ask(self, *script, request=None, **more):
        """Send one request, with more script if it needs it; return the names of the servers that were asked."""
        self.transport.script.extend(script)
        sent = len(self.transport.sent)
        self.outcome, self.journey = await run(self.route, request, **more)
        return [each.url.partition("//")[2].partition(".")[0] for each in self.transport.sent[sent:]]


def row(mode, *targets, **strategy):
    return {"strategy": {"mode": mode, **strategy}, "targets": list(targets)}


PATHS = ("/v1/images/generations", "/v1/images/edits", "/v1/images/variations")
HEDGE = {"after_ms": 50, "accept_double_billing": True}
DOWN = refused(503)
OK = answer()


def test_one_target_is_nested_fan_out_retry_gate_paid_attempt_timeout_leaf():
    served = Served({**server("a"), "retry": {"attempts": 2}, "request_timeout": 1000})
    tree, leaf = served.route.tree, served.leaves["config"]
    nodes = [tree]
    while len(nodes) < 5:
        nodes.append(nodes[-1].inner)
    assert [type(node) for node in nodes] == [FanOut, Retry, Gate, Paid, Attempt]
    request = asking(model="gpt-image-2")
    assert tree.inner.budget_of(request) is tree.inner.inner.health_of(request).budget
    assert tree.inner.inner.health_of(request) is leaf.health(request)


def hedges_in(node):
    if isinstance(node, Hedge):
        return 1 + hedges_in(node.first) + hedges_in(node.second)
    return sum(map(hedges_in, getattr(node, "children", ())))


def test_nothing_is_hedged_unless_it_is_asked_for():
    """R20."""
    assert hedges_in(Served(row("fallback", server("a"), server("b"), server("c"))).route.tree) == 0
    assert hedges_in(Served(row("fallback", server("a", hedge=HEDGE), server("b"))).route.tree) == 1


async def test_a_hedged_target_is_joined_by_the_next():
    served = Served(row("fallback", server("a", hedge=HEDGE), server("b"), server("c")))
    assert await served.ask(After(0.3, OK), After(0.05, OK)) == ["a", "b"]
    assert isinstance(served.outcome, Success)
    assert [attempt.target for attempt in served.journey.attempts] == ["config.targets[0]", "config.targets[1]"]


def test_edits_are_not_hedged():
    served = Served(row("fallback", server("a", hedge=HEDGE), server("b")))
    (hedge,) = served.route.tree.children
    after = {path: hedge.after(ImageRequest(params={}, path=path)) for path in PATHS}
    assert after == dict(zip(PATHS, (0.05, None, None), strict=True))


async def test_after_p95_nothing_is_hedged_before_twenty_answers_are_known():
    served = Served(row("fallback", server("a", hedge={"after_p95": True, "accept_double_billing": True}), server("b")))
    assert await served.ask(After(0.3, OK)) == ["a"]
    health = served.leaves["config.targets[0]"].health(asking())
    for _ in range(30):
        health.measure(0.05, asyncio.get_running_loop().time())
    assert await served.ask(After(0.3, OK), OK) == ["a", "b"]


async def test_attempts_are_kept_for_all_that_stand_behind_a_hedge():
    targets = [server(name, retry={"attempts": 2}) for name in "abcd"]
    targets[1]["hedge"] = HEDGE
    served = Served({**row("fallback", *targets), "max_attempts": 4})
    assert await served.ask(DOWN, DOWN, DOWN, DOWN) == ["a", "b", "c", "d"]


async def test_a_breaker_that_opened_diverts_every_config_that_leads_there():
    pools = Pools()
    served = Served(row("fallback", server("a"), server("b")), pools=pools)
    for _ in range(5):
        assert await served.ask(DOWN, OK) == ["a", "b"]
    assert await served.ask(OK) == ["b"]
    other = Served({**row("fallback", server("a"), server("c")), "description": "another config"}, pools=pools)
    assert await other.ask(OK) == ["c"]
    mine = Served(row("fallback", {**server("a"), "api_key": "another-not-real"}, server("c")), pools=pools)
    assert await mine.ask(OK) == ["a"], "R19: with another credential nothing is known"


async def test_a_limit_on_a_target_diverts():
    served = Served(row("fallback", server("a", max_in_flight=1), server("b")))
    slow = asyncio.create_task(served.ask(After(0.2, OK), OK))
    await asyncio.sleep(0.05)
    assert (await run(served.route))[1].attempts[0].target == "config.targets[1]"
    await slow


SEVERAL = {"model": "dall-e-3", "fan_out": True}


async def test_shares_of_one_request_take_turns_where_a_target_takes_few():
    served = Served(row("fallback", server("a", max_in_flight=2, **SEVERAL), server("b")))
    assert await served.ask(*[After(0.02, OK)] * 4, n=4) == ["a"] * 4
    assert len(served.outcome.reply.pictures) == 4
    assert served.transport.most_at_once == 2


async def test_shares_of_one_request_follow_the_one_that_finds_out_whether_a_target_is_well():
    served = Served(row("fallback", server("a", cb_config={"cooldown_interval": 1}, **SEVERAL), server("b")))
    breaker = served.leaves["config.targets[0]"].health(asking(model="dall-e-3")).breaker
    breaker._open(0.0, random)
    assert await served.ask(*[After(0.02, OK)] * 4, n=4) == ["a"] * 4
    assert len(served.outcome.reply.pictures) == 4


async def test_shares_go_elsewhere_together_where_others_are_in_the_way():
    served = Served(row("fallback", server("a", max_in_flight=1, **SEVERAL), server("b")))
    health = served.leaves["config.targets[0]"].health(asking(model="dall-e-3"))
    await health.slots.acquire()
    assert set(await served.ask(*[OK] * 4, n=2)) == {"b"}


async def test_least_latency_prefers_the_quick_one():
    served = Served(row("loadbalance", server("a"), server("b"), algorithm="least_latency"))
    now = asyncio.get_running_loop().time()
    for path, seconds in (("config.targets[0]", 9.0), ("config.targets[1]", 1.0)):
        served.leaves[path].health(asking()).measure(seconds, now)
    assert {(await served.ask(OK, seed=seed))[0] for seed in range(20)} == {"b"}


async def test_least_inflight_prefers_the_idle_one_by_weight():
    targets = [server("a", weight=4), server("b", weight=1)]
    served = Served(row("loadbalance", *targets, algorithm="least_inflight"))
    healths = [served.leaves[f"config.targets[{index}]"].health(asking()) for index in (0, 1)]
    healths[0].in_flight, healths[1].in_flight = 3, 1
    assert {(await served.ask(OK, seed=seed))[0] for seed in range(20)} == {"a"}
    healths[0].in_flight = 5
    assert {(await served.ask(OK, seed=seed))[0] for seed in range(20)} == {"b"}


async def test_cheapest_goes_by_the_catalogue_and_leaves_the_unknown_for_last():
    dear, cheap = server("dear", model="gpt-image-2"), server("cheap", model="gpt-image-1-mini")
    unknown = server("unknown", model="a-model-nobody-knows")
    served = Served(row("loadbalance", unknown, dear, cheap, algorithm="cheapest"))
    prices = {path: leaf.price(asking(quality="high")) for path, leaf in served.leaves.items()}
    assert prices["config.targets[2]"] < prices["config.targets[1]"] < prices["config.targets[0]"] == math.inf
    assert {(await served.ask(OK, seed=seed))[0] for seed in range(20)} == {"cheap"}
    for _ in range(5):
        served.leaves["config.targets[2]"].health(asking()).breaker._open(asyncio.get_running_loop().time(), random)
    assert await served.ask(OK) == ["dear"], "what is sick is no bargain"


# --- sticky ---

POOL = [server("a", weight=5), server("b", weight=1), server("c", weight=4)]
STICKY = {"hash_fields": ["metadata._user"], "ttl": 3600}


def of_user(name):
    return ImageRequest(params={"prompt": "an otter"}, metadata={"_user": name} if name else {})


async def places(served, users, seed=0):
    return [(await served.ask(OK, request=of_user(user), seed=seed))[0] for user in users]


@pytest.fixture
def wall_clock(monkeypatch):
    """Hold the time of day still, at a number that a test may change."""
    held = [1_763_600_000.0]
    monkeypatch.setattr(compiling.time, "time", lambda: held[0])
    return held


async def test_the_same_user_meets_the_same_target_whatever_chance_says(wall_clock):
    served = Served(row("loadbalance", *POOL, sticky=STICKY))
    found = {(await places(served, ["ann"], seed=seed))[0] for seed in range(1000)}
    assert len(found) == 1


async def test_and_the_same_one_in_every_process_and_config_that_says_so(wall_clock):
    users = [f"user {number}" for number in range(200)]
    one = Served(row("loadbalance", *POOL, sticky=STICKY))
    other = Served({**row("loadbalance", *POOL, sticky=STICKY), "description": "another config"})
    assert await places(one, users) == await places(other, users, seed=7)


async def test_over_many_users_the_weights_hold(wall_clock):
    found = await places(Served(row("loadbalance", *POOL, sticky=STICKY)), [f"user {number}" for number in range(1000)])
    assert [found.count(name) / 1000 for name in "abc"] == [pytest.approx(share, abs=0.05) for share in (0.5, 0.1, 0.4)]


async def test_the_choice_is_made_anew_when_its_time_is_up_and_not_for_all_at_once(wall_clock):
    served = Served(row("loadbalance", *POOL, sticky=STICKY))
    users = [f"user {number}" for number in range(200)]
    before = await places(served, users)
    wall_clock[0] += 36
    soon = await places(served, users)
    assert sum(one != other for one, other in zip(before, soon, strict=True)) <= 10
    wall_clock[0] += 3600
    later = await places(served, users)
    assert 60 <= sum(one != other for one, other in zip(before, later, strict=True)) <= 180


async def test_who_does_not_say_who_it_is_is_not_pinned(wall_clock):
    served = Served(row("loadbalance", *POOL, sticky=STICKY))
    assert {(await places(served, [None], seed=seed))[0] for seed in range(30)} == {"a", "b", "c"}


async def test_a_sick_target_is_replaced_for_its_users_and_taken_back(wall_clock):
    served = Served(row("loadbalance", *POOL, sticky=STICKY))
    users = [f"user {number}" for number in range(60)]
    before = await places(served, users)
    health = served.leaves["config.targets[0]"].health(of_user("ann"))
    health.throttled = asyncio.get_running_loop().time() + 60
    meanwhile = await places(served, users)
    assert [place for place in meanwhile if place == "a"] == []
    kept = [(one, other) for one, other in zip(before, meanwhile, strict=True) if one != "a"]
    assert all(one == other for one, other in kept)
    health.throttled = 0.0
    assert await places(served, users) == before
