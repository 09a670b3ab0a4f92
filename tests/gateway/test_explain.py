import asyncio
import json

import orjson
import pytest

from gateway.compile import compile_config
from gateway.explain import explain
from gateway.images import ImageRequest
from gateway.providers import PROVIDERS
from gateway.rehearsal import act_of
from gateway.secret import Secret
from gateway.target import ImageTarget, Outside
from tests.gateway.delivery.pictures import upload
from tests.gateway.scripted import ScriptedTransport, asking, route_of, scene, spec_of

SECRETS = ("providers-key-1", "azure-token-2", "callers-key-3")
OPENAI = {"provider": "openai", "api_key": SECRETS[0]}
SANDBOX = {"provider": "sandbox"}


def story(config, request=None, assume=None, **params):
    """Return what is told of a config; nothing may be sent for it, and all of it must be JSON."""
    transport = ScriptedTransport()
    route = route_of(config, transport)
    there = scene()
    there.transport = transport
    acts = {name: act_of(answer) for name, answer in (assume or {}).items()}
    told = explain(route, request or asking(**params), there.leaf, acts)
    assert transport.sent == []
    return json.loads(orjson.dumps(told))


def fallback(*targets, **strategy):
    return {"strategy": {"mode": "fallback", **strategy}, "targets": list(targets)}


def balance(*targets):
    return {"strategy": {"mode": "loadbalance"}, "targets": list(targets)}


def named(name, **more):
    return {**OPENAI, "name": name, **more}


def reachable(told):
    """Return the names, or paths, of the leaves that may be reached."""
    if "children" not in told:
        return [told["name"] or told["path"]] if told["reachable"] else []
    return [name for child in told["children"] for name in reachable(child)]


def test_one_target_is_told_with_all_that_was_decided_for_it():
    told = story({**OPENAI, "request_timeout": 5000, "retry": {"attempts": 2}}, model="dall-e-3", quality="hd")
    assert told["request"] == {"prompt": "an otter", "model": "dall-e-3", "quality": "hd"}
    assert told["cache"] == "DISABLED"
    tree = told["tree"]
    assert (tree["mode"], tree["path"], tree["provider"], tree["reachable"]) == ("target", "config", "openai", True)
    assert (tree["model"], tree["retries"], tree["request_timeout_ms"], tree["billing"]) == (
        "dall-e-3",
        2,
        5000,
        "once",
    )
    assert tree["price_usd"] == [0.08, 0.08]
    assert tree["send"] == {
        "method": "POST",
        "url": "https://api.openai.com/v1/images/generations",
        "headers": {"authorization": "***"},
        "json": {"prompt": "an otter", "model": "dall-e-3", "quality": "hd"},
    }


CONDITIONAL = {
    "strategy": {
        "mode": "conditional",
        "conditions": [
            {"query": {"metadata.plan": "paid"}, "then": "a"},
            {"query": {"params.size": {"$in": ["512x512"]}}, "then": "b"},
            {"query": {"params.n": {"$gt": 1}}, "then": "a"},
        ],
        "default": "c",
    },
    "targets": [{**SANDBOX, "name": name} for name in "abc"],
}
TRUTH = {
    "the first holds": ({"plan": "paid"}, {"size": "512x512"}, [True, None, None], "a", False),
    "the second holds": ({"plan": "free"}, {"size": "512x512", "n": 2}, [False, True, None], "b", False),
    "the third holds": ({}, {"n": 2}, [False, False, True], "a", False),
    "none holds": ({}, {}, [False, False, False], "c", True),
}


@pytest.mark.parametrize(("metadata", "params", "truth", "chosen", "by_default"), TRUTH.values(), ids=TRUTH)
def test_the_truth_of_each_condition(metadata, params, truth, chosen, by_default):
    request = ImageRequest(params={"prompt": "p", **params}, metadata=metadata)
    told = story(CONDITIONAL, request)
    assert told["metadata"] == metadata
    tree = told["tree"]
    assert [condition["holds"] for condition in tree["conditions"]] == truth
    assert tree["conditions"][1]["query"] == {"params.size": {"$in": ["512x512"]}}
    assert reachable(tree) == [chosen]
    assert (tree["chosen"], tree["by_default"]) == (f"config.targets[{'abc'.index(chosen)}]", by_default)
    assert {child["why"] for child in tree["children"] if not child["reachable"]} == {
        "the conditions chose another target"
    }


def test_a_request_without_a_route_is_told_so():
    config = {**CONDITIONAL, "strategy": {**CONDITIONAL["strategy"]}}
    del config["strategy"]["default"]
    told = story(config)
    assert reachable(told["tree"]) == []
    assert (told["tree"]["chosen"], told["tree"]["problem"]["code"]) == (None, "no_route")
    assert told["worst_case"]["attempts"] == 0


def test_shares_and_weights_of_zero():
    told = story(balance({**SANDBOX, "weight": 3}, {**SANDBOX, "weight": 0}, {**SANDBOX, "weight": 1}))
    children = told["tree"]["children"]
    assert [child["share"] for child in children] == [0.75, 0.0, 0.25]
    assert [child.get("why") for child in children] == [None, "its weight is 0", None]


def test_single_uses_the_first():
    told = story({"strategy": {"mode": "single"}, "targets": [named("a"), named("b")]})
    assert reachable(told["tree"]) == ["a"]
    assert "`mode: single`" in told["tree"]["children"][1]["why"]


A, B, C = named("a"), named("b"), named("c")
REACHED = {
    "all of a fallback may be needed": (fallback(A, B, C), {}, "abc"),
    "an answer ends it": (fallback(A, B), {"a": 200}, "a"),
    "an error goes on": (fallback(A, B), {"a": 500}, "ab"),
    "a mistake goes on, too, without a list": (fallback(A, B), {"a": 400}, "ab"),
    "an unlisted error ends it": (fallback(A, B, on_status_codes=[429]), {"a": 500}, "a"),
    "a listed error goes on": (fallback(A, B, on_status_codes=[429]), {"a": 429}, "ab"),
    "an unlisted cause ends it": (fallback(A, B, on_causes=["timeout"]), {"a": 500}, "a"),
    "what nobody assumes may be listed": (fallback(A, B, on_causes=["timeout"]), {}, "ab"),
    "targets may be told by their path": (fallback(A, B), {"config.targets[0]": 200}, "a"),
    "strict billing ends it after a doubtful error": (fallback({**A, "billing": "strict"}, B), {"a": 408}, "a"),
    "strict billing goes on after a clear error": (fallback({**A, "billing": "strict"}, B), {"a": 500}, "ab"),
    "once goes on after one doubtful error": (fallback(A, B, C), {"a": 408, "b": 500}, "abc"),
    "once ends it after two doubtful errors": (fallback(A, B, C), {"a": 408, "b": 408}, "ab"),
    "retries count": (fallback({**A, "retry": {"attempts": 1, "on_status_codes": [408]}}, B, C), {"a": 408}, "a"),
    "any goes on": (
        fallback({**A, "billing": "any"}, {**B, "billing": "any"}, C),
        {"a": 408, "b": 408},
        "abc",
    ),
    "what may come out of an inner fallback reaches the outer": (
        fallback(fallback(A, B, on_status_codes=[429]), C),
        {"b": 200},
        "abc",
    ),
    "an inner fallback that is sure to answer ends the outer": (
        fallback(fallback(A, B, on_status_codes=[429]), C),
        {"a": 429, "b": 200},
        "ab",
    ),
    "one of two may fail": (fallback(balance(A, B), C), {"a": 200}, "abc"),
    "both are sure to answer": (fallback(balance(A, B), C), {"a": 200, "b": 200}, "ab"),
    "doubts of one side are not the other's": (fallback(balance(A, B), C), {"a": 408, "b": 408}, "abc"),
}


@pytest.mark.parametrize(("config", "assume", "names"), REACHED.values(), ids=REACHED)
def test_who_may_be_reached(config, assume, names):
    assert "".join(reachable(story(config, assume=assume)["tree"])) == names


@pytest.mark.parametrize(
    ("config", "assume", "why"),
    [
        (fallback(A, B), {"a": 200}, "a answers before it"),
        (fallback(A, B, on_status_codes=[429]), {"a": 500}, "a is not passed over by this fallback"),
        (fallback({**A, "billing": "strict"}, B), {"a": 408}, "a may have been billed too often by then (`billing`)"),
    ],
)
def test_why_a_target_is_not_reached(config, assume, why):
    [_, skipped] = story(config, assume=assume)["tree"]["children"]
    assert (skipped["reachable"], skipped["why"]) == (False, why)
    assert "send" not in skipped


def test_what_is_assumed_is_told():
    told = story(fallback(A, B), assume={"a": 429})
    assert [child["assumed"] for child in told["tree"]["children"]] == [429, None]


def test_what_a_target_cannot_take_is_told_and_passed_over():
    strict = named("strict", override_params={"model": "dall-e-3"}, adapt="strict")
    told = story(fallback(strict, B), model="gpt-image-1", size="1536x1024")
    first, second = told["tree"]["children"]
    assert first["problem"]["cause"] == "unsupported"
    assert "send" not in first
    assert second["reachable"]


def test_adaptations_are_told():
    told = story({**OPENAI, "override_params": {"model": "dall-e-3"}}, model="gpt-image-1", size="1536x1024")
    assert told["tree"]["adaptations"] == ["size=1536x1024->1792x1024"]
    assert told["tree"]["send"]["json"]["size"] == "1792x1024"


def test_several_calls_are_told_with_what_they_cost_together():
    told = story({**OPENAI, "fan_out": True}, model="dall-e-3", size="1024x1024", n=3)["tree"]
    assert (told["calls"], told["send"]["json"]["n"], told["price_usd"]) == (3, 1, [0.12, 0.12])
    told = story(OPENAI, model="dall-e-2", size="1024x1024", n=3)["tree"]
    assert "calls" not in told
    assert told["send"]["json"]["n"] == 3


def test_pictures_are_told_in_a_few_words():
    request = ImageRequest(
        params={"prompt": "an otter", "model": "gpt-image-1", "image": [upload()], "mask": upload()},
        path="/v1/images/edits",
    )
    told = story(OPENAI, request)["tree"]["send"]
    assert told["url"] == "https://api.openai.com/v1/images/edits"
    given = str(upload())
    assert [field["value"] for field in told["form"] if field["name"] in ("image", "image[]", "mask")] == [given, given]


def test_what_a_strict_target_would_have_to_change_is_told():
    told = story({"provider": "luma", "api_key": SECRETS[0], "adapt": "strict"}, model="photon-1", style="vivid")
    assert told["tree"]["problem"]["cause"] == "unsupported"
    assert "style=vivid->dropped" in told["tree"]["problem"]["message"]
    assert "send" not in told["tree"]


def test_a_missing_credential_is_a_problem_that_the_next_target_may_not_have():
    told = story(fallback({"provider": "openai", "passthrough": True}, B, on_status_codes=[500]))
    first, second = told["tree"]["children"]
    assert first["problem"]["code"] == "invalid_api_key"
    assert not second["reachable"]


ORDERS = {
    "an error on command": ({"status": 500}, "ab"),
    "a refusal on command": ({"refuse": True}, "a"),
    "an error now and then": ({"status": 500, "fail_ratio": 0.5}, "ab"),
    "an error always": ({"status": 500, "fail_ratio": 1}, "ab"),
    "nothing but slowness": ({"latency_ms": 5000}, "ab"),
}


@pytest.mark.parametrize(("orders", "names"), ORDERS.values(), ids=ORDERS)
def test_a_sandbox_that_is_told_to_misbehave(orders, names):
    told = story(fallback({**SANDBOX, "name": "a", "override_params": {"sandbox": orders}}, {**SANDBOX, "name": "b"}))
    assert "".join(reachable(told["tree"])) == names


def test_a_sandbox_asked_for_what_it_cannot_paint():
    told = story({**SANDBOX, "override_params": {"model": "unknown"}}, size="9999x1")
    assert told["tree"]["problem"]["cause"] == "invalid"
    assert "size" in told["tree"]["problem"]["message"]


def test_the_sandbox_sends_nothing():
    assert story(SANDBOX)["tree"]["send"] == {"local": "painted by the gateway itself"}


def test_no_credential_is_told():
    azure = {"provider": "azure-openai", "azure_resource_name": "r", "azure_deployment_id": "d"}
    config = fallback(
        OPENAI,
        {**azure, "azure_ad_token": SECRETS[1], "forward_headers": ["x-echo"]},
        {"provider": "openai", "passthrough": True},
        {**azure, "passthrough": True},
        {**OPENAI, "override_params": {"user": f"key {SECRETS[0]}", "nested": [{SECRETS[0]: SECRETS[0]}]}},
    )
    request = ImageRequest(
        params={"prompt": "p"},
        headers={"x-echo": f"token {SECRETS[1]}"},
        credential=Secret(SECRETS[2]),
    )
    told = story(config, request)
    text = json.dumps(told)
    assert [secret for secret in SECRETS if secret in text] == []
    sent = [child["send"] for child in told["tree"]["children"]]
    assert sent[0]["headers"]["authorization"] == "***"
    assert sent[1]["headers"]["x-echo"] == "token ***"
    assert sent[3]["headers"]["api-key"] == "***"
    assert sent[4]["json"]["user"] == "key ***"


TIMED = {"request_timeout": 10_000}
DALLE = {"override_params": {"model": "dall-e-3", "size": "1024x1024", "quality": "standard"}}
WORST = {
    "one attempt": ({**A, **TIMED, **DALLE}, 1, 10.0, 0.04),
    "without a limit, the deadline": ({**A, **DALLE}, 1, 180.0, 0.04),
    "a deadline of its own": ({**A, **DALLE, "deadline": 30_000}, 1, 30.0, 0.04),
    "retries, with their waits": ({**A, **TIMED, **DALLE, "retry": {"attempts": 3}}, 4, 40.0 + 1 + 2 + 4, 0.08),
    "retries that heed Retry-After": (
        {**A, **TIMED, **DALLE, "retry": {"attempts": 1, "use_retry_after_header": True}},
        2,
        80.0,
        0.08,
    ),
    "a fallback pays once more": (fallback(*[{**A, "name": n, **TIMED, **DALLE} for n in "abc"]), 3, 30.0, 0.08),
    "strict pays once": (
        fallback(*[{**A, "name": n, **TIMED, **DALLE, "billing": "strict"} for n in "abc"]),
        3,
        30.0,
        0.04,
    ),
    "any pays for all": (
        fallback(*[{**A, "name": n, **TIMED, **DALLE, "billing": "any"} for n in "abc"]),
        3,
        30.0,
        0.12,
    ),
    "the dearest of a balance": (
        balance(
            {**A, **TIMED, **DALLE},
            {**B, "request_timeout": 20_000, "override_params": {"model": "dall-e-3", "quality": "hd"}},
        ),
        1,
        20.0,
        0.08,
    ),
    "attempts are bounded": (
        {**fallback({**A, **TIMED, **DALLE}, {**B, **TIMED, **DALLE}), "max_attempts": 1},
        1,
        20.0,
        0.04,
    ),
    "a price that nobody knows": ({**A, **TIMED, "override_params": {"model": "unheard-of"}}, 1, 10.0, None),
    "the sandbox is free": ({**SANDBOX, **TIMED, "override_params": {"model": "sandbox"}}, 1, 10.0, 0),
}


@pytest.mark.parametrize(("config", "attempts", "seconds", "dollars"), WORST.values(), ids=WORST)
def test_the_worst_case(config, attempts, seconds, dollars):
    worst = story(config)["worst_case"]
    assert worst == {"attempts": attempts, "seconds": pytest.approx(seconds), "cost_usd": pytest.approx(dollars)}


def test_an_inner_deadline_bounds_the_worst_case():
    inner = {**fallback({**A, **TIMED}, {**B, **TIMED}), "deadline": 12_000}
    told = story(fallback(inner, {**C, **TIMED}))
    assert told["tree"]["children"][0]["deadline_ms"] == 12_000
    assert told["worst_case"]["seconds"] == 22.0


def test_a_link_that_could_not_be_delivered_is_told():
    told = story(named("primary"), model="gpt-image-1", response_format="url")
    assert told["tree"]["problem"]["cause"] == "unsupported"
    assert "--data" in told["tree"]["problem"]["message"]


def test_a_shared_request_is_shown_as_one_share_of_it():
    config = {"provider": "openai", "api_key": SECRETS[0], "fan_out": True}
    told = story(config, model="dall-e-3", n=3, stream=True, partial_images=1)
    assert told["tree"]["calls"] == 3
    assert told["tree"]["send"]["json"]["n"] == 1
    assert "stream" not in told["tree"]["send"]["json"]


def test_a_short_credential_does_not_mangle_what_is_told():
    told = story({"provider": "openai", "api_key": "ot"}, model="gpt-image-1")
    assert told["tree"]["send"]["json"]["prompt"] == "an otter"


def test_conditions_tell_the_values_they_looked_at():
    request = ImageRequest(params={"prompt": "p", "size": "512x512"}, metadata={"plan": "free"})
    told = story(CONDITIONAL, request)
    assert [condition["values"] for condition in told["tree"]["conditions"]] == [
        {"metadata.plan": "free"},
        {"params.size": "512x512"},
        {},  # it was not asked
    ]


def test_a_target_that_is_too_dear_is_told_and_what_comes_instead():
    config = fallback(
        {**OPENAI, "name": "dear", "override_params": {"model": "gpt-image-2"}, "max_cost_usd": 0.1},
        {**SANDBOX, "name": "free"},
    )
    told = story(config, quality="high", size="1024x1024")
    dear, free = told["tree"]["children"]
    assert dear["problem"]["code"] == "max_cost_exceeded"
    assert (dear["max_cost_usd"], free["reachable"]) == (0.1, True)
    assert told["worst_case"]["attempts"] == 1


async def test_how_a_target_is_at_the_moment_is_told():
    outside = Outside(transport=ScriptedTransport())

    def leaf_of(spec, checks):
        return ImageTarget(spec, PROVIDERS[spec.provider], outside, checks)

    route = compile_config(spec_of(fallback(named("a"), named("b", custom_host="https://b.example/v1"))), leaf_of)
    now = asyncio.get_running_loop().time()
    leaf_of(route.targets["config.targets[0]"], False).health(asking()).throttled = now + 30
    first, second = explain(route, asking(), leaf_of, now=now)["tree"]["children"]
    assert first["health"] == {"state": "left alone", "for_seconds": 30.0}
    assert second["health"] == {"state": "well", "for_seconds": 0.0}
    assert second["reachable"]


def test_all_ways_are_followed_where_no_request_decides():
    transport = ScriptedTransport()
    config = {
        "strategy": {
            "mode": "conditional",
            "conditions": [{"query": {"metadata.plan": "paid"}, "then": "long"}],
            "default": "short",
        },
        "targets": [
            {**fallback(named("x", request_timeout=5000), named("y", request_timeout=5000)), "name": "long"},
            named("short", request_timeout=1000),
        ],
    }
    route, there = route_of(config, transport), scene()
    told = explain(route, asking(), there.leaf, all_ways=True)
    assert (told["worst_case"]["attempts"], told["worst_case"]["seconds"]) == (2, 10.0)
    assert explain(route, asking(), there.leaf)["worst_case"]["attempts"] == 1
