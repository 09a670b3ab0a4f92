"""`max_cost_usd`: what would cost more is passed over, before anything is sent."""

import random
from dataclasses import replace

import pytest

from gateway import virtual_time
from gateway.catalogue import BUILT_IN
from gateway.compile import compile_config
from gateway.images import ImageRequest
from gateway.ledger import Account, UsageLimit
from gateway.providers import PROVIDERS
from gateway.rehearsal import Player, act_of, outside, perform
from gateway.target import Till
from strategies import Cause, Failure, Success
from tests.gateway.scripted import spec_of

OPENAI = {"provider": "openai", "api_key": "test-key-not-real", "override_params": {"model": "gpt-image-2"}}
FREE = {"name": "free", "provider": "sandbox", "override_params": {"model": "sandbox"}}
DEAR, LOW = {"quality": "high", "size": "1024x1024"}, {"quality": "low", "size": "1024x1024"}


def fallback(*targets, **more):
    return {"strategy": {"mode": "fallback"}, "targets": list(targets), **more}


def played(config, acts=None, **params):
    """Return what came of a request, its journey, and which targets were asked."""
    shared, answers = outside(BUILT_IN), {path: list(row) for path, row in (acts or {}).items()}

    def script(player, request, context):
        row = answers.get(player.spec.name, [])
        return act_of(row.pop(0) if row else 200)

    def leaf(spec, checks):
        return Player(spec, PROVIDERS[spec.provider], shared, checks, script=script)

    async def main():
        route = compile_config(spec_of(config), leaf)
        return await perform(route, ImageRequest(params={"prompt": "an otter", **params}), random.Random(1))

    done = virtual_time.run(main())
    return done.outcome, done.journey, [attempt.target for attempt in done.journey.attempts]


def test_a_target_that_is_too_dear_is_passed_over_for_a_cheaper_one():
    config = fallback({**OPENAI, "name": "dear"}, FREE, max_cost_usd=0.1)
    outcome, journey, tried = played(config, **DEAR)
    assert isinstance(outcome, Success)
    assert tried == ["config.targets[1]"]
    assert "config.targets[0] may cost $0.211" in journey.passed_over["config.targets[0]"].message
    assert played(config, **LOW)[2] == ["config.targets[0]"]


def test_where_nothing_is_cheap_enough_the_caller_is_told_what_to_do():
    outcome, _, tried = played({**OPENAI, "max_cost_usd": 0.1}, **DEAR)
    assert isinstance(outcome, Failure)
    assert (outcome.cause, outcome.code, tried) == (Cause.BUDGET, "max_cost_exceeded", [])
    assert "the config allows $0.1 for a request (`max_cost_usd`)" in outcome.message
    assert "ask for a smaller or plainer picture" in outcome.message


def test_a_price_nobody_knows_is_too_dear():
    unknown = {**OPENAI, "override_params": {"model": "brand-new"}}
    outcome, _, tried = played({**unknown, "max_cost_usd": 5})
    assert tried == []
    assert "nobody knows what config costs" in outcome.message


def test_a_failed_attempt_that_may_have_been_billed_counts():
    again = fallback({**OPENAI, "name": "first"}, {**OPENAI, "name": "second"}, max_cost_usd=0.3)
    assert played(again, {"first": ["incomplete"]}, **DEAR)[2] == ["config.targets[0]"]
    assert played(again, {"first": [503]}, **DEAR)[2] == ["config.targets[0]", "config.targets[1]"]
    roomy = {**again, "max_cost_usd": 0.45}
    assert played(roomy, {"first": ["incomplete"]}, **DEAR)[2] == ["config.targets[0]", "config.targets[1]"]


def test_shares_of_many_pictures_are_paid_from_the_same_purse():
    one_at_a_time = {**OPENAI, "override_params": {"model": "gpt-image-2"}, "fan_out": True}
    outcome, _, tried = played({**one_at_a_time, "max_cost_usd": 2.5}, **DEAR, n=20)  # twice 10 pictures, $2.11 each
    assert isinstance(outcome, Success)
    assert len(tried) == 1
    assert len(outcome.reply.pictures) == 10


@pytest.mark.parametrize(("inner", "outer", "effective"), [(0.5, 0.1, 0.1), (0.1, 0.5, 0.1), (None, 0.1, 0.1)])
def test_it_only_ever_shrinks(inner, outer, effective):
    target = OPENAI if inner is None else {**OPENAI, "max_cost_usd": inner}
    spec = spec_of(fallback({**target, "name": "a"}, FREE, max_cost_usd=outer))
    assert spec.root.children[0].max_cost == effective


def test_it_costs_nothing_where_nobody_asks_for_it():
    spec = spec_of(OPENAI)
    assert spec.root.max_cost is None
    outcome, journey, _ = played(OPENAI, **DEAR)
    assert isinstance(outcome, Success)
    assert journey.risked == 0.0


def test_a_budget_holds_for_each_share_what_the_share_may_cost():
    target = {**OPENAI, "fan_out": True}
    held = []

    class Purse(Till):
        async def reserve(self, accounts, usd, images, seconds):
            held.append((usd, images))
            return await super().reserve(accounts, usd, images, seconds)

    shared = replace(outside(BUILT_IN), till=Purse())
    account = Account("test", "the test", UsageLimit(images=1000))

    def leaf(spec, checks):
        return Player(spec, PROVIDERS[spec.provider], shared, checks, script=lambda *_: act_of(200))

    async def main():
        route = compile_config(spec_of(target), leaf)
        request = ImageRequest(params={"prompt": "an otter", **DEAR, "n": 25}, payers=(account,))
        return await perform(route, request, random.Random(1))

    assert isinstance(virtual_time.run(main()).outcome, Success)
    assert [images for _, images in held] == [10, 10, 5]
    assert sum(usd for usd, _ in held) < 25 * 0.212
