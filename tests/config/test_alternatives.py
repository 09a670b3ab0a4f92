"""What `cb_config`, `max_in_flight`, `hedge`, `sticky` and `algorithm` mean."""

import pytest

from gateway.config.document import Document
from gateway.config.parse import parse
from gateway.config.spec import leaves
from gateway.config.virtual_key import parse_virtual_key
from gateway.images import ImageRequest
from strategies import DEFAULT_BREAKER, BreakerRule
from tests.config.bad_configs import HEDGE, PAINT, hedged, sticky
from tests.config.test_parse import problems, read
from tests.config.test_schema import ours, theirs

PORTKEYS = {
    "failure_threshold": 5,
    "failure_threshold_percentage": 20,
    "cooldown_interval": 60_000,
    "minimum_requests": 10,
    "failure_status_codes": [401, 429, 500],
}


def breaker(written):
    return read({**PAINT, "cb_config": written}).root.breaker


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({}, DEFAULT_BREAKER),
        ({"failure_threshold": 3}, BreakerRule(consecutive=3, share=None)),
        ({"failure_threshold_percentage": 25}, BreakerRule(consecutive=None, share=0.25)),
        ({"failureThreshold": 3, "failureThresholdPercentage": 100}, BreakerRule(consecutive=3, share=1.0)),
        ({"minimum_requests": 40}, BreakerRule(minimum=40)),
        ({"cooldown_interval": 1}, BreakerRule(cooldown=0.001)),
        ({"failure_status_codes": []}, DEFAULT_BREAKER),
        ({"failureStatusCodes": [500, 503]}, BreakerRule(codes=frozenset({500, 503}))),
        (PORTKEYS, BreakerRule(consecutive=5, share=0.2, cooldown=60.0, codes=frozenset({401, 429, 500}))),
    ],
    ids=str,
)
def test_what_a_breaker_is_told(written, meant):
    assert breaker(written) == meant


def test_every_target_has_a_breaker_and_no_limit():
    assert (read(PAINT).root.breaker, read(PAINT).root.max_in_flight) == (DEFAULT_BREAKER, None)


@pytest.mark.parametrize("inside", [False, True], ids=["beside the targets", "inside the strategy"])
def test_a_breaker_passes_down_and_is_replaced_whole(inside):
    outer = {"failure_threshold": 7, "cooldown_interval": 1000}
    own = {"cb_config": {"failure_threshold_percentage": 10}}
    data = {"strategy": {"mode": "fallback"}, "targets": [PAINT, {"targets": [PAINT]}, {**PAINT, **own}]}
    (data["strategy"] if inside else data)["cb_config"] = outer
    first, second, third = leaves(read(data).root)
    assert first.breaker == second.breaker == BreakerRule(consecutive=7, share=None, cooldown=1.0)
    assert third.breaker == BreakerRule(consecutive=None, share=0.1)


def test_no_percentage_at_all_opens_no_breaker():
    (found,) = problems({**PAINT, "cb_config": {"failure_threshold_percentage": 0}})
    assert "1 to 100" in found.message


def test_two_breakers_for_one_node_are_refused():
    data = {"strategy": {"mode": "fallback", "cb_config": {"failure_threshold": 2}}, "targets": [PAINT, PAINT]}
    (found,) = problems({**data, "cb_config": {"failure_threshold": 3}})
    assert found.path == "$.strategy.cb_config"


def test_an_empty_breaker_is_the_default_one_again():
    data = {"cb_config": {"failure_threshold": 2}, "targets": [{**PAINT, "cb_config": {}}]}
    assert leaves(read(data).root)[0].breaker == DEFAULT_BREAKER


def test_a_limit_passes_down_and_the_nearer_word_wins():
    data = {"max_in_flight": 8, "strategy": {"mode": "single"}, "targets": [PAINT, {**PAINT, "maxInFlight": 2}]}
    assert [target.max_in_flight for target in leaves(read(data).root)] == [8, 2]


def test_a_virtual_key_may_say_both():
    written = {"provider": "openai", "api_key": "not-real", "max_in_flight": 4, "cb_config": {"failure_threshold": 2}}
    key = parse_virtual_key("k", Document(data=written, file="gateway.yaml"), "$.virtual_keys.k")
    tree = {"max_in_flight": 9, "strategy": {"mode": "fallback"}}
    own = {"virtual_key": "k", "max_in_flight": 1, "cb_config": {"minimum_requests": 10}}
    document = Document(data={**tree, "targets": [{"virtual_key": "k"}, own]})
    first, second = parse(document, virtual_keys={"k": key}).root.children
    assert (first.max_in_flight, first.breaker.consecutive) == (4, 2)
    assert (second.max_in_flight, second.breaker) == (1, DEFAULT_BREAKER)
    for name, value in (("hedge", HEDGE), ("sticky", {}), ("max_in_flight", 0)):
        (found,) = parse_virtual_key("k", Document(data={**written, name: value}, file="g.yaml"), "$.virtual_keys.k")
        assert found.path == f"$.virtual_keys.k.{name}"


def test_a_hedge_is_for_the_target_that_says_so():
    first, second = leaves(read(hedged(HEDGE)).root)
    assert (first.hedge.after, second.hedge) == (20.0, None)
    first, _ = leaves(read(hedged({"afterP95": True, "acceptDoubleBilling": True})).root)
    assert first.hedge.after is None


def test_each_target_of_a_fallback_but_the_last_may_be_hedged():
    data = {"strategy": {"mode": "fallback"}, "targets": [{**PAINT, "hedge": HEDGE}] * 3 + [PAINT]}
    assert [target.hedge is not None for target in leaves(read(data).root)] == [True, True, True, False]


def test_each_wrong_hedge_is_reported_where_it_is():
    bad = {**PAINT, "hedge": {"after_ms": 5}}
    targets = [bad, {"provider": "opnai"}, bad, {**bad, "billing": "strict"}, PAINT]
    data = {"strategy": {"mode": "fallback"}, "targets": targets}
    places = [problem.path for problem in problems(data)]
    assert places.count("$.targets[0].hedge") == places.count("$.targets[2].hedge") == 1
    assert places.count("$.targets[3].hedge") == 2


def reads(*fields, **more):
    return read(sticky({"hash_fields": [*fields], **more})).root.sticky


def test_sticky_is_told_by_fields_of_the_request():
    spec = reads("metadata._user", "params.size", "headers.x-team", "url.pathname", ttl=60)
    assert (spec.ttl, spec.hash_fields[0]) == (60, "metadata._user")
    request = {"metadata": {"_user": "ann"}, "headers": {"x-team": "art"}, "path": "/v1/images/generations"}
    one = ImageRequest(params={"prompt": "a", "size": "1x1"}, **request)
    assert spec.read(one) == spec.read(ImageRequest(params={"prompt": "b", "size": "1x1"}, **request))
    for other in ({"metadata": {"_user": "bob"}}, {"headers": {"x-team": "law"}}, {"path": "/v1/images/edits"}):
        assert spec.read(ImageRequest(params={"size": "1x1"}, **{**request, **other})) != spec.read(one)
    assert spec.read(ImageRequest(params={"size": "2x2"}, **request)) != spec.read(one)


def test_a_request_without_any_of_the_fields_is_not_pinned():
    spec = reads("metadata._user", "headers.x-team")
    assert spec.read(ImageRequest(params={"prompt": "a"})) is None
    assert spec.read(ImageRequest(params={"prompt": "a"}, metadata={"_user": "ann"})) is not None


def test_fields_cannot_be_mistaken_for_each_other():
    spec = reads("metadata.a", "metadata.b")
    words = [{"a": "x", "b": "y"}, {"a": "y", "b": "x"}, {"a": "xy"}, {"b": "xy"}, {"a": 'x","y', "b": ""}]
    assert len({spec.read(ImageRequest(params={}, metadata=metadata)) for metadata in words}) == len(words)


def test_sticky_may_be_switched_off():
    assert reads("metadata._user", enabled=False) is None
    assert reads("metadata._user").ttl == 3600


@pytest.mark.parametrize("algorithm", ["weighted", "least_latency", "least_inflight", "cheapest"])
def test_how_a_load_balance_chooses(algorithm):
    data = {"strategy": {"mode": "loadbalance", "algorithm": algorithm}, "targets": [PAINT, PAINT]}
    assert read(data).root.algorithm == algorithm
    assert ours(data)
    assert theirs(data)


@pytest.mark.parametrize(
    "data",
    [hedged(HEDGE), hedged({"after_p95": True, "accept_double_billing": True}), {**PAINT, "cb_config": PORTKEYS},
     {**PAINT, "max_in_flight": 1}, sticky({"hash_fields": ["metadata._user"], "enabled": False, "ttl": 1})],
    ids=str,
)  # fmt: skip
def test_the_schema_accepts_it_too(data):
    assert ours(data)
    assert theirs(data)
