import random
import re
from dataclasses import replace

import h11
import pytest

from gateway.http import told
from gateway.images import Adaptation, ImageReply, Picture
from gateway.server.framing import ByH11
from strategies import Cause, Failure, Journey, Success, Try
from tests.gateway.scripted import route_of

TREE = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "openai", "api_key": "secret-key-1", "name": "primary"},
        {"strategy": {"mode": "loadbalance"}, "targets": [{"provider": "sandbox"}, {"provider": "sandbox"}]},
    ],
}
LIMITED = Failure(cause=Cause.RATE_LIMITED, message="slow down", status=429)
NOT_ASKED = Failure(cause=Cause.UNREACHABLE, message="refused", reached=False)


def pictures(**about):
    return Success(ImageReply(pictures=(Picture(url="https://x.example/1"),), **about))


def journey(*attempts, **more):
    made = Journey(rng=random.Random(0), **more)
    for target, started, ended, outcome in attempts:
        made.attempts.append(Try(target=target, started=started, ended=ended, outcome=outcome))
    return made


async def headers(outcome, path, *, seconds=0.0, config=TREE, trace_id="trace-1"):
    route = route_of(config)
    story = told.story(outcome, path, route)
    lines = told.headers(outcome, path, route, trace_id, seconds, story=story)
    assert len({name for name, _ in lines}) == len(lines)
    ByH11(h11.Connection(h11.SERVER)).head(200, lines)  # every value may stand in a head
    return {name.decode(): value.decode() for name, value in lines}


async def test_the_path_of_the_target_that_answered():
    path = journey(("config.targets[0]", 0.0, 1.0, LIMITED), ("config.targets[1].targets[1]", 1.0, 2.0, pictures()))
    said = await headers(pictures(model="m", cost_usd=0.042), path)
    assert said["x-portkey-last-used-option-index"] == "config.targets[1].targets[1]"
    assert said["x-portkey-provider"] == "sandbox"
    assert said["x-portkey-retry-attempt-count"] == "0"
    assert said["x-portkey-cache-status"] == "DISABLED"
    assert said["x-portkey-trace-id"] == "trace-1"
    assert said["x-gateway-attempts"] == "2"
    assert said["x-gateway-maybe-billed"] == "0"
    assert said["x-gateway-model"] == "m"
    assert said["x-gateway-cost-usd"] == "0.042000"
    assert re.fullmatch("[0-9a-f]{12}", said["x-gateway-config-version"])
    assert "x-gateway-adaptations" not in said


async def test_a_config_of_one_target_is_called_config():
    said = await headers(pictures(), journey(("config", 0.0, 1.0, None)), config={"provider": "sandbox"})
    assert said["x-portkey-last-used-option-index"] == "config"


async def test_what_was_kept_is_told_of_the_target_that_it_was_kept_for():
    path = journey(("config.targets[0]", 0.0, 1.0, LIMITED))
    said = await headers(pictures(cache="HIT", kept_by="config.targets[1].targets[0]", cost_usd=0.0), path)
    assert said["x-portkey-last-used-option-index"] == "config.targets[1].targets[0]"
    assert (said["x-portkey-cache-status"], said["x-gateway-attempts"]) == ("HIT", "1")
    assert said["x-gateway-cost-usd"] == "0.000000"


@pytest.mark.parametrize(("cache", "status"), [({}, "DISABLED"), ({"cache": {}}, "MISS")])
async def test_a_failure_was_not_in_the_cache(cache, status):
    said = await headers(LIMITED, journey(("config", 0.0, 1.0, LIMITED)), config={"provider": "sandbox", **cache})
    assert said["x-portkey-cache-status"] == status


async def test_a_failure_has_no_model_and_no_cost():
    path = journey(("config.targets[0]", 0.0, 1.0, LIMITED), retries=-1, maybe_billed=1)
    said = await headers(LIMITED, path)
    assert said["x-portkey-retry-attempt-count"] == "-1"
    assert said["x-gateway-maybe-billed"] == "1"
    assert said["x-portkey-provider"] == "openai"
    assert not {"x-gateway-model", "x-gateway-cost-usd", "x-gateway-adaptations"} & said.keys()


async def test_a_request_without_an_attempt_has_no_provider():
    said = await headers(NOT_ASKED, journey())
    assert (said["x-portkey-last-used-option-index"], said["x-gateway-attempts"]) == ("config", "0")
    assert "x-portkey-provider" not in said


async def test_a_cost_that_nobody_knows_is_null_and_one_that_is_nothing_is_zero():
    path = journey(("config.targets[0]", 0.0, 1.0, None))
    assert (await headers(pictures(), path))["x-gateway-cost-usd"] == "null"
    assert (await headers(pictures(cost_usd=0.0), path))["x-gateway-cost-usd"] == "0.000000"


async def test_adaptations_are_listed_in_ascii():
    changes = (Adaptation("size", "1000x1000", "1024x1024"), Adaptation("style", "natürlich☃", "dropped"))
    said = await headers(pictures(adaptations=changes), journey(("config.targets[0]", 0.0, 1.0, None)))
    assert said["x-gateway-adaptations"] == "size=1000x1000->1024x1024; style=nat?rlich?->dropped"


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("gpt-image-2", "gpt-image-2"),
        ("a\r\nset-cookie: b", "a  set-cookie: b"),
        ("a\x00b\x1bc\x7fd\te", "a b c d e"),
        (" spaced ", "spaced"),
        ("モデル", "???"),
        ("x" * 9000, "x" * 4096),
        ("a" * 4095 + " b", "a" * 4095),
    ],
    ids=["plain", "line break", "control characters", "spaces at the ends", "not ASCII", "long", "cut at a space"],
)
async def test_a_model_cannot_break_the_answers_head(model, shown):
    said = await headers(pictures(model=model), journey(("config.targets[0]", 0.0, 1.0, None)))
    assert said["x-gateway-model"] == shown


def timing(text):
    """Read a Server-Timing header by its grammar."""
    metrics = {}
    for part in text.split(","):
        name, *params = (word.strip() for word in part.split(";"))
        assert re.fullmatch(r"[\w-]+", name)
        metrics[name] = float(dict(param.split("=") for param in params)["dur"])
    return metrics


async def test_time_is_split_into_ours_and_theirs():
    path = journey(
        ("config.targets[0]", 10.0, 11.0, LIMITED),
        ("config.targets[1].targets[0]", 11.5, 12.5, None),
    )
    said = timing((await headers(pictures(), path, seconds=3.5))["server-timing"])
    assert said["upstream"] == pytest.approx(2000, abs=1)
    assert said["gateway"] == pytest.approx(1500, abs=1)
    assert said["queue"] == 0


async def test_time_is_never_negative():
    path = journey(("config.targets[0]", 5.0, 10.0, None), ("config.targets[0]", 10.0, None, None))
    assert timing((await headers(pictures(), path, seconds=4.9))["server-timing"])["gateway"] == 0


def test_the_rows_of_an_error():
    path = journey(
        ("config.targets[0]", 0.0, 0.0124, LIMITED),
        ("config.targets[1].targets[0]", 1.0, 1.5, NOT_ASKED),
        ("config.targets[1].targets[1]", 2.0, None, None),
    )
    assert told.rows(path, route_of(TREE)) == [
        {
            "target": "primary",
            "path": "config.targets[0]",
            "provider": "openai",
            "status": 429,
            "cause": "rate_limited",
            "message": LIMITED.message,
            "at_ms": 0,
            "ms": 12,
        },
        {
            "target": "config.targets[1].targets[0]",
            "path": "config.targets[1].targets[0]",
            "provider": "sandbox",
            "status": None,
            "cause": "unreachable",
            "message": NOT_ASKED.message,
            "at_ms": 1000,
            "ms": 500,
        },
        {
            "target": "config.targets[1].targets[1]",
            "path": "config.targets[1].targets[1]",
            "provider": "sandbox",
            "status": None,
            "cause": "unfinished",
            "message": None,
            "at_ms": 2000,
            "ms": None,
        },
    ]


async def test_a_failure_that_nothing_may_follow_is_still_told_as_its_targets():
    path = journey(("config.targets[0]", 0.0, 1.0, LIMITED), ("config.targets[1].targets[0]", 1.0, 2.0, NOT_ASKED))
    said = await headers(replace(LIMITED, terminal=True), path)
    assert said["x-portkey-last-used-option-index"] == "config.targets[0]"
