"""Acceptance cases 11 to 18 and 22: who asks, and which config is asked for.

Of 11 the revoked key, and of 15 the config of another tenant, come with the control plane; what files say is for all.
A head over 64 KiB is 431 whoever sends it, so a key of 1 MB is refused before it is taken for one.
"""

import pytest

from tests.acceptance.conftest import TEAM
from tests.acceptance.rig import post, tell
from tests.end_to_end.caller import ask, fallback, target

SANDBOX = {"provider": "sandbox"}


def invalid(got, *, code="invalid_config"):
    return (got.status, got.code) == (400, code)


NO_KEYS = {
    "none": {},
    "unknown": {"x_portkey_api_key": "test-unknown-key-not-real"},
    "nearly": {"x_portkey_api_key": TEAM[:-1] + "2"},
    "longer": {"x_portkey_api_key": TEAM + "0"},
    "60 KB": {"x_portkey_api_key": "x" * 60_000},
    "a quote": {"x_portkey_api_key": "' OR '1'='1"},
    "SQL behind a key": {"x_portkey_api_key": TEAM + "';--"},
    "a bearer": {"authorization": "Bearer test-unknown-key-not-real"},
    "another scheme": {"authorization": f"Basic {TEAM}"},
}


def test_11_whoever_has_no_key_hears_the_same(keyed):
    answers = {name: ask(keyed, config="shared", **sent) for name, sent in NO_KEYS.items()}
    assert {(got.status, got.code) for got in answers.values()} == {(401, "invalid_api_key")}
    assert len({got.body for got in answers.values()}) == 1
    assert max(got.seconds for got in answers.values()) < 1
    assert tell(keyed, post(f"x-portkey-api-key: {'x' * 10**6}", "Content-Length: 2", body=b"{}")).status == 431
    assert tell(keyed, post("x-portkey-api-key: a\0b", "Content-Length: 2", body=b"{}")).status == 400


BAD = {
    "no JSON": ("{strategy: fallback}", "$"),
    "unknown mode": ({"strategy": {"mode": "rondom"}, "targets": [SANDBOX]}, "$.strategy.mode"),
    "unknown key": ({"strategy": {"mode": "fallback"}, "targets": [{**SANDBOX, "retrys": 1}]}, "$.targets[0].retrys"),
    "wrong type": ({**SANDBOX, "retry": {"attempts": "2"}}, "$.retry.attempts"),
}


@pytest.mark.parametrize(("config", "path"), BAD.values(), ids=BAD)
def test_12_configs_that_are_not_right_say_where(gateway, config, path):
    got = ask(gateway, config=config)
    assert invalid(got)
    assert path in (got.error["param"], *got.error["message"].split(": "))


def nested(depth):
    node = SANDBOX
    for _ in range(depth - 1):
        node = {"strategy": {"mode": "fallback"}, "targets": [node]}
    return node


def broad(leaves):
    """Return a tree of 5 inner nodes and as many leaves as asked for."""
    sizes = [leaves // 4 + (number < leaves % 4) for number in range(4)]
    return fallback(*[fallback(*[SANDBOX] * size) for size in sizes])


def test_13_configs_over_a_limit(gateway):
    assert ask(gateway, config=nested(8)).status == 200
    assert invalid(ask(gateway, config=nested(9)))
    assert ask(gateway, config=broad(123)).status == 200
    assert invalid(ask(gateway, config=broad(124)))
    # A config names no other config, so there are no cycles but those of YAML's aliases, which case 48 has.
    assert invalid(ask(gateway, config=fallback({"config": "a"})))


@pytest.mark.parametrize("weights", [("0", "0"), ("NaN", "1"), ("-1", "2"), ("true", "1")])
def test_14_weights_that_mean_nothing(gateway, weights):
    targets = ", ".join(f'{{"provider": "sandbox", "weight": {weight}}}' for weight in weights)
    assert invalid(ask(gateway, config=f'{{"strategy": {{"mode": "loadbalance"}}, "targets": [{targets}]}}'))


@pytest.mark.parametrize("config", ["../../x", "..", "shared/../shared", "shared%00", "x" * 64, "nope"])
def test_15_ids_that_are_not_stored_are_all_the_same(keyed, config):
    got = ask(keyed, config=config, x_portkey_api_key=TEAM)
    if "%" in config:
        assert invalid(got)
    else:
        assert (got.status, got.code, got.error["param"]) == (404, "config_not_found", "x-portkey-config")


def picking(pattern, *, prompt="params.prompt"):
    there = {
        "strategy": {"mode": "conditional", "conditions": [{"query": {prompt: pattern}, "then": "a"}], "default": "b"}
    }
    return {**there, "targets": [{**SANDBOX, "name": "a"}, {**SANDBOX, "name": "b"}]}


def test_16_evil_patterns(gateway):
    evil = picking({"$regex": "(a+)+$"})
    answers = [ask(gateway, config=evil, prompt="a" * 8191 + "!", x_gateway_explain="true") for _ in range(5)]
    assert {got.status for got in answers} == {200}
    assert min(got.seconds for got in answers) < 0.1
    assert invalid(ask(gateway, config=picking({"$regex": "a(?=b)"})), code="unsupported_regex")
    assert invalid(ask(gateway, config=picking({"$regex": "(a)\\1"})), code="unsupported_regex")
    assert invalid(ask(gateway, config=picking({"$regex": "a" * 30_000})), code="unsupported_regex")
    assert ask(gateway, config=picking({"$regex": "a" * 60_000})).status == 431


def test_17_no_condition_fits_and_there_is_no_default(gateway, provider):
    query = {"strategy": {"mode": "conditional", "conditions": [{"query": {"params.n": 7}, "then": "a"}]}}
    got = ask(gateway, config={**query, "targets": [{**target(provider), "name": "a"}]})
    assert invalid(got, code="no_route")
    assert (provider.connects, got.error.get("attempts", [])) == (0, [])


ODD = ["params.__class__", "params.__init__.__globals__", "params.constructor", "metadata.plan", "headers.x-none"]


def test_18_conditions_on_what_is_not_there(gateway):
    for path in ODD:
        got = ask(gateway, config=picking({"$exists": True}, prompt=path))
        assert (got.status, got.headers["x-portkey-last-used-option-index"]) == (200, "config.targets[1]"), path
    for metadata in ("[]", '"a"', "5", "{"):
        got = ask(gateway, config=picking("paid", prompt="metadata.plan"), x_portkey_metadata=metadata)
        assert invalid(got, code="invalid_request")


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Connection", "transfer-encoding", "Proxy-Authorization"])
def test_22_a_config_may_not_say_where_a_request_ends_or_goes(gateway, provider, name):
    assert invalid(ask(gateway, config=target(provider, forward_headers=[name])))
    assert invalid(ask(gateway, config=target(provider, headers={name: "x"})))
    assert provider.connects == 0
