"""The Portkey SDK for Python, with only its base URL and keys changed."""

import base64

import pytest

from tests.fake_provider import KEY


@pytest.fixture
def client(portkey_client):
    return portkey_client


def assert_painted(answer):
    assert base64.b64decode(answer.data[0].b64_json).startswith(b"\x89PNG")


def test_generates_by_a_stored_id(client, gateway, seen):
    assert_painted(client(gateway, config="stored").images.generate(model="gpt-image-2", prompt="an otter"))
    assert len(seen.seen) == 2


def test_generates_by_an_inline_config(client, plain_gateway, seen):
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [
            {"provider": "openai", "api_key": KEY, "custom_host": seen.url, "override_params": {"model": "status:500"}},
            {"provider": "openai", "api_key": KEY, "custom_host": seen.url, "retry": {"attempts": 1}},
        ],
    }
    assert_painted(client(plain_gateway, config=config).images.generate(model="gpt-image-2", prompt="an otter"))
    assert [body["model"] for body in seen.bodies] == ["status:500", "gpt-image-2"]


def test_generates_by_a_virtual_key(client, plain_gateway, seen):
    answer = client(plain_gateway, virtual_key="images-team").images.generate(model="gpt-image-2", prompt="an otter")
    assert_painted(answer)


def test_generates_by_a_provider_and_the_callers_own_key(client, plain_gateway, seen):
    answer = client(
        plain_gateway, provider="openai", Authorization=f"Bearer {KEY}", custom_host=seen.url
    ).images.generate(model="gpt-image-2", prompt="an otter")
    assert_painted(answer)
    assert seen.seen[0]["headers"]["authorization"] == f"Bearer {KEY}"


def test_generates_by_a_provider_slug(client, plain_gateway, seen):
    answer = client(plain_gateway, provider="@images-team").images.generate(model="gpt-image-2", prompt="an otter")
    assert_painted(answer)


def test_generates_by_a_model_name_alone(client, plain_gateway, seen):
    answer = client(plain_gateway).images.generate(model="@images-team/gpt-image-2", prompt="an otter")
    assert_painted(answer)
    assert seen.bodies[0]["model"] == "gpt-image-2"


def test_trace_id_and_metadata_travel(client, plain_gateway, seen):
    config = {
        "strategy": {"mode": "conditional", "conditions": [{"query": {"metadata.plan": "paid"}, "then": "team"}]},
        "targets": [{"name": "team", "virtual_key": "images-team"}],
    }
    answer = client(
        plain_gateway, config=config, trace_id="trace-1", metadata={"_user": "ada", "plan": "paid"}
    ).images.generate(model="gpt-image-2", prompt="an otter")
    assert answer.get_headers()["trace-id"] == "trace-1"


def test_with_options_changes_the_config_of_one_call(client, closing, plain_gateway, seen):
    changed = closing(client(plain_gateway, virtual_key="images-team").with_options(config="stored"))
    closing(changed.openai_client)
    assert_painted(changed.images.generate(model="gpt-image-2", prompt="an otter"))
    assert [body["model"] for body in seen.bodies] == ["status:503", "gpt-image-2"]
