"""The Portkey SDK for Python, with only its base URL and keys changed."""

import base64

import pytest

from tests.fake_provider import KEY

portkey_ai = pytest.importorskip("portkey_ai")


def client(gateway, **options):
    return portkey_ai.Portkey(
        base_url=f"{gateway.url}/v1", api_key="test-portkey-key-not-real", max_retries=0, **options
    )


def assert_painted(answer):
    assert base64.b64decode(answer.data[0].b64_json).startswith(b"\x89PNG")


def test_generates_by_a_stored_id(gateway, seen):
    assert_painted(client(gateway, config="stored").images.generate(model="gpt-image-2", prompt="an otter"))
    assert len(seen.seen) == 2


def test_generates_by_an_inline_config(plain_gateway, seen):
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [
            {"provider": "openai", "api_key": KEY, "custom_host": seen.url, "override_params": {"model": "status:500"}},
            {"provider": "openai", "api_key": KEY, "custom_host": seen.url, "retry": {"attempts": 1}},
        ],
    }
    assert_painted(client(plain_gateway, config=config).images.generate(model="gpt-image-2", prompt="an otter"))
    assert [body["model"] for body in seen.bodies] == ["status:500", "gpt-image-2"]


def test_generates_by_a_virtual_key(plain_gateway, seen):
    answer = client(plain_gateway, virtual_key="images-team").images.generate(model="gpt-image-2", prompt="an otter")
    assert_painted(answer)


def test_generates_by_a_provider_and_the_callers_own_key(plain_gateway, seen):
    answer = client(
        plain_gateway, provider="openai", Authorization=f"Bearer {KEY}", custom_host=seen.url
    ).images.generate(model="gpt-image-2", prompt="an otter")
    assert_painted(answer)
    assert seen.seen[0]["headers"]["authorization"] == f"Bearer {KEY}"


def test_generates_by_a_provider_slug(plain_gateway, seen):
    answer = client(plain_gateway, provider="@images-team").images.generate(model="gpt-image-2", prompt="an otter")
    assert_painted(answer)


def test_generates_by_a_model_name_alone(plain_gateway, seen):
    answer = client(plain_gateway).images.generate(model="@images-team/gpt-image-2", prompt="an otter")
    assert_painted(answer)
    assert seen.bodies[0]["model"] == "gpt-image-2"


def test_trace_id_and_metadata_travel(plain_gateway, seen):
    raw = client(
        plain_gateway, virtual_key="images-team", trace_id="trace-1", metadata={"_user": "ada", "plan": "paid"}
    ).images.with_raw_response.generate(model="gpt-image-2", prompt="an otter")
    assert raw.headers["x-portkey-trace-id"] == "trace-1"


def test_with_options_changes_the_config_of_one_call(plain_gateway, seen):
    changed = client(plain_gateway, virtual_key="images-team").with_options(config="stored")
    assert_painted(changed.images.generate(model="gpt-image-2", prompt="an otter"))
    assert [body["model"] for body in seen.bodies] == ["status:503", "gpt-image-2"]
