"""What goes wrong in Portkey's open-source gateway, one test each: it must not go wrong here."""

import json
import random

import pytest

from gateway.catalogue import BUILT_IN, malformed, refusal
from gateway.errors import GatewayError, InvalidConfig
from gateway.http import reply
from gateway.http.decode import flag_of
from gateway.images import ImageRequest
from strategies import Cause, Failure, Journey, LoadBalance, Success
from tests.config.good_configs import condition
from tests.gateway.scripted import answer, picture, refused, route_of, run, scene, spec_of

OPENAI = {"provider": "openai", "api_key": "key"}
NEWER = {
    "background": "opaque",
    "moderation": "low",
    "output_format": "webp",
    "output_compression": 80,
    "quality": "high",
    "size": "1024x1024",
    "n": 2,
    "user": "ada",
    "anything_to_come": {"a": [1]},
}


async def sent(config, *script, seed=0, **params):
    there = scene(*(script or [answer()]))
    outcome, journey = await run(route_of(config, there.transport), seed=seed, **params)
    return outcome, there.transport.sent, journey


def test_a_routing_mistake_is_its_own_400_and_not_a_bare_500():
    nobody = Failure(cause=Cause.INVALID, code="no_route", message="no condition holds", reached=False)
    status, _, body = reply.failure(nobody, Journey(rng=random.Random(0)), [])
    error = json.loads(body)["error"]
    assert (status, error["code"], error["type"]) == (400, "no_route", "invalid_request_error")
    assert error["message"] == "No condition holds."


async def test_a_config_whose_conditions_choose_nobody_answers_400():
    config = {
        "strategy": {"mode": "conditional", "conditions": [{"query": {"metadata.plan": "paid"}, "then": "a"}]},
        "targets": [{**OPENAI, "name": "a"}],
    }
    outcome, requests, _ = await sent(config)
    assert (outcome.code, outcome.seen_status, requests) == ("no_route", 400, [])


async def test_newer_openai_fields_all_travel():
    _, [request], _ = await sent(OPENAI, model="gpt-image-1", **NEWER)
    assert request.json == {"prompt": "an otter", "model": "gpt-image-1", **NEWER}


@pytest.mark.parametrize("n", [0, -1, 129, 1.5, "2", True], ids=str)
def test_a_count_that_makes_no_sense_is_refused_not_clamped(n):
    problem = malformed({"prompt": "p", "n": n})
    assert isinstance(problem, GatewayError)
    assert (problem.status, problem.code, problem.param) == (400, "invalid_n", "n")


@pytest.mark.parametrize(("model", "n"), [("dall-e-3", 2), ("dall-e-2", 11), ("gpt-image-1", 11)])
def test_a_count_over_the_models_is_refused_not_clamped(model, n):
    problem = refusal(BUILT_IN.find("openai", model), ImageRequest(params={"prompt": "p", "model": model, "n": n}))
    assert (problem.code, problem.param) == ("invalid_n", "n")
    assert model in problem.message


@pytest.mark.parametrize("style", ["vivid", "natural"])
async def test_a_style_is_never_passed_on_as_something_else(style):
    config = {**OPENAI, "override_params": {"model": "gpt-image-1"}}
    outcome, [request], _ = await sent(config, model="dall-e-3", style=style)
    assert set(request.json) == {"prompt", "model"}
    assert f"style={style}->dropped" in map(str, outcome.reply.adaptations)


async def test_a_fallback_to_another_model_says_what_it_changed():
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [OPENAI, {**OPENAI, "override_params": {"model": "dall-e-2"}}],
    }
    outcome, [first, second], _ = await sent(
        config, refused(500), answer(picture((1024, 1024))), model="dall-e-3", size="1792x1024", style="natural"
    )
    assert (first.json["size"], second.json["size"]) == ("1792x1024", "1024x1024")
    assert {"size=1792x1024->1024x1024", "style=natural->dropped"} <= set(map(str, outcome.reply.adaptations))


async def test_a_picture_of_another_shape_is_reported():
    outcome, _, _ = await sent(OPENAI, answer(picture((512, 512))), size="1024x1024")
    assert "size=1024x1024->512x512" in map(str, outcome.reply.adaptations)


def test_a_force_refresh_of_false_is_false():
    header = "x-portkey-cache-force-refresh"
    assert [flag_of({header: word}, header) for word in ("false", "False", "True", "true")] == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ({"params.model": "gpt-image-1"}, True),
        ({"params.size": {"$in": ["512x512", "1024x1024"]}}, True),
        ({"params.n": {"$gte": 2}}, True),
        ({"params.mask": {"$exists": True}}, True),
        ({"params.style": {"$exists": False}}, True),
        ({"params.quality": {"$eq": "hd"}}, False),
    ],
)
def test_conditions_see_the_fields_of_a_form_as_those_of_json(query, holds):
    form = {"model": "gpt-image-1", "size": "1024x1024", "n": 2, "mask": "mask.png", "prompt": "p"}
    assert condition(query)(ImageRequest(params=form, path="/v1/images/edits")) is holds


def test_all_weights_zero_is_refused_when_the_config_is_read():
    config = {"strategy": {"mode": "loadbalance"}, "targets": [{**OPENAI, "weight": 0}, {**OPENAI, "weight": 0}]}
    with pytest.raises(InvalidConfig, match="All weights are 0") as refused_config:
        spec_of(config)
    assert refused_config.value.status == 400


def test_all_weights_zero_cannot_even_be_built():
    with pytest.raises(ValueError, match="positive"):
        LoadBalance((object(), object()), (0.0, 0.0))


async def test_no_targets_at_all_is_refused_when_the_config_is_read():
    with pytest.raises(InvalidConfig):
        spec_of({"strategy": {"mode": "fallback"}, "targets": []})


@pytest.mark.parametrize("seed", range(4))
async def test_what_a_load_balance_picked_and_failed_is_made_good_by_the_fallback_around_it(seed):
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [
            {
                "strategy": {"mode": "loadbalance"},
                "targets": [{**OPENAI, "override_params": {"model": name}} for name in "ab"],
            },
            {**OPENAI, "override_params": {"model": "backup"}},
        ],
    }
    outcome, [picked, backup], journey = await sent(config, refused(500), answer(), seed=seed)
    assert isinstance(outcome, Success)
    assert picked.json["model"] in "ab"
    assert backup.json["model"] == "backup"
    assert len(journey.attempts) == 2


async def test_a_load_balance_may_be_entered_again_and_never_repeats_what_failed():
    inner = {"strategy": {"mode": "loadbalance"}, "targets": [{**OPENAI, "name": name} for name in "ab"]}
    config = {"strategy": {"mode": "fallback"}, "targets": [inner, {**OPENAI, "name": "backup"}]}
    outcome, requests, journey = await sent(config, refused(503), refused(503))
    assert (outcome.status, len(requests)) == (503, 2)
    tried = [attempt.target for attempt in journey.attempts]
    assert len(set(tried)) == len(tried)
