"""Which requests share what is known of a target, and that it stays bounded."""

import asyncio

import pytest

from gateway.compile import compile_config
from gateway.config.document import Document
from gateway.config.gateway_file import read_gateway_file
from gateway.images import ImageRequest
from gateway.providers import PROVIDERS
from gateway.secret import Secret
from gateway.target import ImageTarget, Outside, Pools
from gateway.target.pools import _KEPT, identity_of
from strategies import DEFAULT_BREAKER
from tests.gateway.scripted import ScriptedTransport, spec_of

OPENAI = {"provider": "openai", "api_key": "key-of-a-not-real", "custom_host": "https://pictures.example/v1"}
REQUEST = ImageRequest(params={"prompt": "an otter", "model": "gpt-image-2"})


def health(data, pools, request=REQUEST, virtual_keys=None):
    """Return what is known of the only target of a config, as its compiled form finds it."""
    made, outside = [], Outside(transport=ScriptedTransport(), pools=pools)

    def leaf(spec, checks):
        made.append(ImageTarget(spec, PROVIDERS[spec.provider], outside, checks))
        return made[-1]

    compile_config(spec_of(data, virtual_keys), leaf)
    return made[0].health(request)


SAME = [
    pytest.param({**OPENAI, "description": "another config"}, id="in another config"),
    pytest.param({**OPENAI, "retry": {"attempts": 3}, "request_timeout": 9000}, id="tried in another way"),
    pytest.param({**OPENAI, "override_params": {"size": "1024x1024"}}, id="asked for something else"),
    pytest.param({**OPENAI, "override_params": {"model": "gpt-image-2"}}, id="sent the same model by the config"),
    pytest.param({"strategy": {"mode": "fallback"}, "targets": [OPENAI, OPENAI]}, id="as a part of something larger"),
    pytest.param({**OPENAI, "custom_host": "https://pictures.example/v1/"}, id="with another end of its address"),
]
OTHER = [
    pytest.param({**OPENAI, "api_key": "key-of-b-not-real"}, id="another credential"),
    pytest.param({**OPENAI, "custom_host": "https://elsewhere.example/v1"}, id="another host"),
    pytest.param({**OPENAI, "provider": "openai-compatible"}, id="another provider"),
    pytest.param({**OPENAI, "override_params": {"model": "dall-e-3"}}, id="another model"),
    pytest.param({**OPENAI, "cb_config": {"failure_threshold": 2}}, id="another idea of what is sick"),
    pytest.param({**OPENAI, "max_in_flight": 2}, id="another limit"),
]


@pytest.mark.parametrize("data", SAME)
def test_the_same_target_is_known_wherever_it_is_written(data):
    pools = Pools()
    assert health(data, pools) is health(OPENAI, pools)


@pytest.mark.parametrize("data", OTHER)
def test_other_targets_are_not(data):
    pools = Pools()
    assert health(data, pools) is not health(OPENAI, pools)


SANDBOX = {"provider": "sandbox", "override_params": {"model": "sandbox"}}


@pytest.mark.parametrize("where", ["override_params", "default_params", "the request"])
def test_the_sandbox_plays_as_many_targets_as_there_are_ways_to_behave(where):
    """Else `chaos.yaml` opens the breaker of every sandbox there is, and one 429 silences all of them."""
    pools, plays = Pools(), {"sandbox": {"status": 503}}
    request = ImageRequest(params=REQUEST.params | (plays if where == "the request" else {}))
    data = SANDBOX if where == "the request" else {**SANDBOX, where: {"model": "sandbox", **plays}}
    assert health(data, pools, request) is not health(SANDBOX, pools)
    assert health(data, pools, request) is health(data, pools, request)


def test_a_virtual_key_is_its_credential():
    pools = Pools()
    keys = {name: {**OPENAI, "api_key": f"key-of-{name}-not-real"} for name in "ab"}
    file = read_gateway_file(Document(data={"virtual_keys": keys}, file="gateway.yaml"))
    named = {name: health({"virtual_key": name}, pools, virtual_keys=file.virtual_keys) for name in "ab"}
    assert named["a"] is health(OPENAI, pools)
    assert named["a"] is not named["b"]


def test_callers_who_bring_their_own_key_share_nothing():
    """R19: a bad key opens its own breaker at most."""
    pools, data = Pools(), {"provider": "openai", "passthrough": True}
    one, again, other = (
        health(data, pools, ImageRequest(params=REQUEST.params, credential=Secret(key)))
        for key in ("caller-a-not-real", "caller-a-not-real", "caller-b-not-real")
    )
    assert one is again
    assert one is not other
    assert health(data, pools) is not one, "nor with one who brings none"


def test_an_identity_holds_no_credential_and_parts_are_not_mistaken_for_each_other():
    identity = identity_of("openai", "https://a.example", {"api_key": Secret("secret-not-real")})
    assert b"secret" not in identity
    ways = [
        identity_of("openai", "https://a.example", {"api_key": Secret("x"), "other": Secret("y")}),
        identity_of("openai", "https://a.example", {"other": Secret("y"), "api_key": Secret("x")}),
        identity_of("openai", "https://a.example", {"api_key": Secret("y"), "other": Secret("x")}),
        identity_of("openai", "https://a.examplex", {}),
        identity_of("openai", "https://a.example", {}),
    ]
    assert ways[0] == ways[1]
    assert len(set(ways)) == 4


def named(pools, number, most=None):
    return pools.health(b"one", f"model {number}", DEFAULT_BREAKER, most)


def test_the_names_that_callers_make_up_do_not_fill_the_memory():
    pools = Pools()
    for number in range(5 * _KEPT):
        named(pools, number)
    assert len(pools._known) <= _KEPT


def test_what_is_in_use_is_not_forgotten_for_them():
    pools = Pools()
    ours, busy, idle = named(pools, "ours"), named(pools, "busy"), named(pools, "idle")
    busy.in_flight = 1
    for number in range(3 * _KEPT):
        named(pools, number)
        if number % 1000 == 0:
            assert named(pools, "ours") is ours, "it is asked for now and then"
    assert named(pools, "busy") is busy
    assert named(pools, "idle") is not idle


def test_a_limit_is_one_for_all_who_share_it():
    pools = Pools()
    limited = health({**OPENAI, "max_in_flight": 3}, pools)
    assert health({**OPENAI, "max_in_flight": 3, "description": "another config"}, pools) is limited
    assert limited.slots._value == 3
    assert isinstance(limited.slots, asyncio.Semaphore)
    assert health(OPENAI, pools).slots is None


def test_whoever_brings_a_key_is_held_to_the_limit_of_the_config():
    pools, request = Pools(), ImageRequest(params=REQUEST.params, credential=Secret("caller-a-not-real"))
    data = {"provider": "openai", "passthrough": True}
    assert health({**data, "max_in_flight": 3}, pools, request).slots._value == 3
    assert health(data, pools, request).slots is None


def test_the_order_in_which_statuses_are_listed_is_nothing():
    pools = Pools()
    codes = [400, 408]
    assert repr(frozenset(codes)) != repr(frozenset(codes[::-1])), "as sets of numbers show themselves"
    one, other = ({**OPENAI, "cb_config": {"failure_status_codes": each}} for each in (codes, codes[::-1]))
    assert health(one, pools) is health(other, pools)
