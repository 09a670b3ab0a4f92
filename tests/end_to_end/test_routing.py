"""Which provider answers: trees, shares, conditions, virtual keys, and the ways to name a target."""

import collections
import concurrent.futures
import json

import pytest

from tests.end_to_end.caller import ask, fallback, target
from tests.end_to_end.conftest import STORED_KEY

OWN = "Bearer test-own-key-not-real"


def named(provider, model, **more):
    return target(provider, model, name=model, **more)


def conditional(provider, *conditions, default="other"):
    return {
        "strategy": {
            "mode": "conditional",
            "conditions": [{"query": query, "then": then} for query, then in conditions],
            **({"default": default} if default else {}),
        },
        "targets": [named(provider, name) for name in ("one", "two", "other")],
    }


def test_a_nested_tree_answers_from_its_innermost_target(gateway, provider, closed_port):
    tree = {
        "strategy": {"mode": "conditional", "conditions": [{"query": {"metadata.plan": "paid"}, "then": "paid"}]},
        "targets": [
            {
                "name": "paid",
                **fallback(
                    {
                        "strategy": {"mode": "loadbalance"},
                        "targets": [target(provider, "status:500", weight=1), target(provider, "never", weight=0)],
                    },
                    {"strategy": {"mode": "single"}, "targets": [target(closed_port)]},
                    fallback(target(provider, "says:html"), named(provider, "last")),
                ),
            },
        ],
    }
    got = ask(gateway, config=tree, x_portkey_metadata='{"plan": "paid"}')
    assert (got.status, got.attempts, got.maybe_billed) == (200, 4, 1)
    assert got.headers["x-portkey-last-used-option-index"] == "config.targets[0].targets[2].targets[1]"
    assert provider.models == ["status:500", "says:html", "last"]


def test_weights_share_the_requests_out(gateway, provider):
    config = {
        "strategy": {"mode": "loadbalance"},
        "targets": [
            named(provider, "a", weight=0.7),
            named(provider, "b", weight=0.3),
            named(provider, "never", weight=0),
        ],
    }
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert {got.status for got in pool.map(lambda _: ask(gateway, config=config), range(400))} == {200}
    count = collections.Counter(provider.models)
    assert count["a"] + count["b"] == 400
    assert 230 <= count["a"] <= 330


QUERIES = [
    ({"metadata.plan": "paid"}, {"x_portkey_metadata": '{"plan": "paid"}'}, "one"),
    ({"metadata.plan": {"$eq": "paid"}}, {}, "other"),
    ({"metadata.plan": {"$in": ["a", "b"]}}, {"x_portkey_metadata": '{"plan": "b"}'}, "one"),
    ({"metadata.a": "1", "metadata.b": "2"}, {"x_portkey_metadata": '{"a": "1"}'}, "other"),
    ({"metadata.a.b": "1"}, {"x_portkey_metadata": '{"a.b": "1"}'}, "one"),
    ({"params.prompt": {"$regex": "(a+)+$"}}, {"prompt": "b" + "a" * 8000 + "c" + "a" * 30}, "one"),
    ({"params.prompt": {"$regex": "^(a+)+$"}}, {"prompt": "a" * 8000 + "b"}, "other"),
    ({"params.n": {"$gte": 2}}, {"body": {"prompt": "a", "n": 3}}, "one"),
    ({"params.n": {"$gte": 2}}, {"body": {"prompt": "a"}}, "other"),
    ({"params.x.y": 5}, {"body": {"prompt": "a", "x": {"y": 5}}}, "one"),
    ({"params.x": {"$gt": 5}}, {"body": {"prompt": "a", "x": "six"}}, "other"),
    ({"params.x": {"$gt": 5}}, {"body": {"prompt": "a", "x": "6"}}, "one"),
    ({"params.x": {"$gt": 5}}, {"body": {"prompt": "a", "x": [6]}}, "other"),
    ({"params.x": {"$gt": 5}}, {"body": {"prompt": "a", "x": {"y": 6}}}, "other"),
    ({"params.x": {"$regex": "a"}}, {"body": {"prompt": "a", "x": 5}}, "other"),
    ({"params.__class__": {"$exists": True}}, {}, "other"),
    ({"params.prompt.__len__": {"$exists": True}}, {}, "other"),
    ({"params.prompt.0": {"$exists": True}}, {}, "other"),
    ({"metadata.__class__": {"$ne": "x"}}, {}, "other"),
    ({"headers.x-region": "eu"}, {"x_region": "eu"}, "one"),
    ({"headers.X-Region": "eu"}, {"x_region": "eu"}, "one"),
    ({"url.pathname": "/v1/images/generations"}, {}, "one"),
    ({"url.pathname": "/v1/images/generations"}, {"path": "/images/generations"}, "other"),
    ({"url.pathname": {"$regex": "^/v1/"}}, {"path": "/v1/images/generations?x=1"}, "one"),
    ({"$or": [{"metadata.a": "1"}, {"params.prompt": "an otter"}]}, {}, "one"),
    ({"$or": [{"params.prompt": "an otter"}], "metadata.a": "1"}, {}, "other"),
    ({"$not": {"metadata.a": "1"}}, {}, "one"),
]


@pytest.mark.parametrize(("query", "sent", "answers"), QUERIES)
def test_a_condition_decides_who_answers(gateway, provider, query, sent, answers):
    got = ask(gateway, config=conditional(provider, (query, "one")), **sent)
    assert got.status == 200
    assert provider.models == [answers]


def test_a_condition_that_nobody_can_mean_is_refused(gateway, provider):
    got = ask(gateway, config=conditional(provider, ({"metadata.": "x"}, "one")))
    assert (got.status, got.code) == (400, "invalid_config")
    assert provider.seen == []


def test_conditions_are_asked_in_order(gateway, provider):
    config = conditional(
        provider,
        ({"params.prompt": "no"}, "one"),
        ({"url.pathname": {"$exists": True}}, "two"),
        ({"params.n": 1}, "one"),
    )
    assert ask(gateway, config=config).status == 200
    assert provider.models == ["two"]


def test_no_condition_and_no_default(gateway, provider):
    got = ask(gateway, config=conditional(provider, ({"metadata.a": "1"}, "one"), default=None))
    assert (got.status, got.code) == (400, "no_route")
    assert provider.connects == 0


@pytest.mark.parametrize(
    "pattern", ["(?=a)", r"(a)\1", "(?<!a)b", "(", "a{99999}", "x" * 20_000, "(((((a{100}){100}){100}){100}){100})"]
)
def test_a_pattern_that_is_not_taken(gateway, provider, pattern):
    got = ask(gateway, config=conditional(provider, ({"params.prompt": {"$regex": pattern}}, "one")))
    assert (got.status, got.code) in {(400, "unsupported_regex"), (400, "invalid_config")}
    assert got.seconds < 1


# --- naming a target ---


def test_stored_settings_hold_for_the_target_that_the_headers_name(gateway, provider):
    sick = {"prompt": "a", "model": "status:503"}
    got = ask(gateway, sick, x_portkey_config="careful", x_portkey_virtual_key="stored")
    assert (got.status, got.attempts) == (503, 2)
    got = ask(gateway, {"prompt": "a", "model": "@stored/status:503"}, x_portkey_config="careful")
    assert (got.status, got.attempts) == (503, 2)


def test_stored_settings_without_a_target_ask_for_one(gateway, provider):
    got = ask(gateway, {"prompt": "a", "model": "good"}, x_portkey_config="careful")
    assert (got.status, got.code) == (400, "no_route")


def test_stored_settings_send_no_stored_key_to_a_callers_host(gateway, provider, elsewhere):
    got = ask(gateway, x_portkey_config="careful", x_portkey_virtual_key="stored", x_portkey_custom_host=elsewhere.url)
    assert (got.status, got.code) == (400, "custom_host_blocked")
    assert elsewhere.connects == 0


def test_a_virtual_key(gateway, provider):
    for headers in (
        {"x_portkey_virtual_key": "stored"},
        {"x_portkey_virtual_key": "@stored"},
        {"x_portkey_provider": "@stored"},
        {"config": {"virtual_key": "stored"}},
        {"config": {"provider": "@stored"}},
        {"config": {"override_params": {"model": "@stored/good"}}},
        {"config": {"targets": [{"overrideParams": {"model": "@stored/good"}}]}},
        {"body": {"prompt": "a", "model": "@stored/good"}},
        {"config": {"retry": {"attempts": 1}}, "x_portkey_virtual_key": "stored"},
    ):
        assert ask(gateway, **headers).status == 200
    assert {seen.key for seen in provider.seen} == {STORED_KEY}


def test_a_virtual_key_of_azure(gateway, provider):
    got = ask(gateway, {"prompt": "a", "model": "anything"}, x_portkey_virtual_key="azure")
    assert got.status == 200
    (seen,) = provider.seen
    assert seen.path == "/v1/v1/images/generations"
    assert (seen.headers["api-key"], seen.json["model"]) == (STORED_KEY, "good")
    assert "authorization" not in seen.headers


def test_the_callers_own_key(gateway, provider):
    got = ask(gateway, x_portkey_provider="openai", x_portkey_custom_host=provider.url, authorization=OWN)
    assert got.status == 200
    assert provider.seen[0].headers["authorization"] == OWN


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer "},
        {"authorization": "Basic dGVzdDp0ZXN0"},
        {"authorization": "Bearer same", "x-portkey-api-key": "same"},
    ],
    ids=["none", "empty", "an empty bearer", "of another scheme", "that is the gateway's"],
)
def test_nothing_is_sent_without_a_credential(gateway, provider, headers):
    got = ask(gateway, x_portkey_provider="openai", x_portkey_custom_host=provider.url, **headers)
    assert (got.status, got.code) == (401, "invalid_api_key")
    assert provider.connects == 0


@pytest.mark.parametrize("key", ["a b", "sk\tx", "ä", "a\x7f", "x" * 20_000])
def test_an_odd_key_of_the_caller(gateway, provider, key):
    got = ask(gateway, x_portkey_provider="openai", x_portkey_custom_host=provider.url, authorization=f"Bearer {key}")
    assert got.status in {200, 400, 502}


def test_a_server_of_ones_own_by_headers(gateway, provider):
    got = ask(gateway, x_portkey_provider="openai-compatible", x_portkey_custom_host=provider.url)
    assert got.status == 200
    assert "authorization" not in provider.seen[0].headers


def test_a_server_of_ones_own_without_its_address(gateway):
    got = ask(gateway, x_portkey_provider="openai-compatible")
    assert (got.status, got.code) == (400, "invalid_config")
    assert "custom-host" in got.error["message"] or "custom_host" in got.error["message"]


def test_headers_beat_every_targets_own_value(gateway, provider, closed_port):
    config = fallback(target(closed_port), target(closed_port, request_timeout=1))
    got = ask(gateway, config=config, x_portkey_custom_host=provider.url)
    assert (got.status, got.attempts) == (200, 1)


def test_a_models_prefix_names_its_provider_and_is_not_sent(gateway, provider):
    got = ask(
        gateway, {"prompt": "a", "model": "openai/gpt-image-1"}, x_portkey_custom_host=provider.url, authorization=OWN
    )
    assert got.status == 200
    assert provider.models == ["gpt-image-1"]


def test_a_models_slash_is_sent_where_the_provider_is_named(gateway, provider):
    body = {"prompt": "a", "model": "openai/gpt-image-1"}
    config = {key: value for key, value in target(provider).items() if key != "override_params"}
    assert ask(gateway, body, config=config).status == 200
    assert provider.models == ["openai/gpt-image-1"]


def test_the_limits_of_the_named_model_cost_nothing(gateway, provider):
    body = {"prompt": "a", "model": "dall-e-3", "size": "256x256"}
    got = ask(gateway, body, x_portkey_virtual_key="stored")
    assert (got.status, got.code, got.error["param"]) == (400, "invalid_size", "size")
    assert "1792x1024" in got.error["message"]
    assert provider.connects == 0


@pytest.mark.parametrize(("deadline", "seconds"), [(None, 180), ("600000", 600), ("1000", 1)])
def test_explain_keeps_to_the_callers_deadline(gateway, provider, deadline, seconds):
    sent = {} if deadline is None else {"x_gateway_deadline": deadline}
    got = ask(gateway, config=target(provider), x_gateway_explain="true", **sent)
    assert got.json["worst_case"]["seconds"] == seconds
    assert ask(gateway, config=target(provider), x_gateway_explain="true", x_gateway_deadline="999").status == 400


def test_explain_sends_nothing(gateway, provider):
    config = fallback(target(provider, "status:500"), {"virtual_key": "stored"})
    got = ask(gateway, config=config, x_gateway_explain="true")
    assert got.status == 200
    assert provider.connects == 0
    assert "not-real" not in json.dumps(got.json)
