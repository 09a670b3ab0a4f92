"""The OpenAI SDK for Python, with only its base URL, key and headers changed."""

import base64

import openai
import pytest

from tests.fake_provider import KEY


@pytest.fixture
def client(closing):
    def make(gateway, key="test-any-key-not-real", max_retries=0, **headers):
        return closing(
            openai.OpenAI(
                base_url=f"{gateway.url}/v1", api_key=key, max_retries=max_retries, default_headers=headers, timeout=30
            )
        )

    return make


def assert_painted(answer):
    assert base64.b64decode(answer.data[0].b64_json).startswith(b"\x89PNG")


def test_generates_by_a_stored_id(client, gateway, seen):
    answer = client(gateway, **{"x-portkey-config": "stored"}).images.generate(model="gpt-image-2", prompt="an otter")
    assert_painted(answer)
    assert answer.usage.output_tokens == 272
    assert [body["model"] for body in seen.bodies] == ["status:503", "gpt-image-2"]


def test_generates_by_an_inline_config(client, plain_gateway, seen):
    config = (
        f'{{"provider": "openai", "api_key": "{KEY}", "custom_host": "{seen.url}",'
        ' "override_params": {"model": "gpt-image-2"}}'
    )
    answer = client(plain_gateway, **{"x-portkey-config": config}).images.generate(
        model="gpt-image-1", prompt="an otter", quality="low"
    )
    assert_painted(answer)
    assert seen.bodies == [{"model": "gpt-image-2", "prompt": "an otter", "quality": "low"}]


def test_generates_by_a_virtual_key_header(client, plain_gateway, seen):
    answer = client(plain_gateway, **{"x-portkey-virtual-key": "images-team"}).images.generate(
        model="gpt-image-2", prompt="an otter", n=2
    )
    assert len(answer.data) == 2
    assert seen.seen[0]["headers"]["authorization"] == f"Bearer {KEY}"


def test_generates_by_a_provider_header_with_the_callers_own_key(client, plain_gateway, seen):
    answer = client(
        plain_gateway, key=KEY, **{"x-portkey-provider": "openai", "x-portkey-custom-host": seen.url}
    ).images.generate(model="gpt-image-2", prompt="an otter")
    assert_painted(answer)
    assert seen.seen[0]["headers"]["authorization"] == f"Bearer {KEY}"


def test_generates_by_a_model_name_alone(client, plain_gateway, seen):
    answer = client(plain_gateway).images.generate(model="@images-team/gpt-image-2", prompt="an otter")
    assert_painted(answer)
    assert seen.bodies[0]["model"] == "gpt-image-2"


def test_generates_by_the_default_config(client, gateway, seen):
    assert_painted(client(gateway).images.generate(model="gpt-image-2", prompt="an otter"))
    assert len(seen.seen) == 2


def test_every_image_field_of_the_api_travels(client, plain_gateway, seen):
    client(plain_gateway, **{"x-portkey-virtual-key": "images-team"}).images.generate(
        model="gpt-image-2",
        prompt="an otter",
        background="opaque",
        moderation="low",
        output_format="png",
        output_compression=100,
        quality="high",
        size="1536x1024",
        user="ada",
    )
    assert seen.bodies[0] == {
        "model": "gpt-image-2",
        "prompt": "an otter",
        "background": "opaque",
        "moderation": "low",
        "output_format": "png",
        "output_compression": 100,
        "quality": "high",
        "size": "1536x1024",
        "user": "ada",
    }


def test_asks_for_base64_of_a_model_that_answers_nothing_else(client, plain_gateway, seen):
    answer = client(plain_gateway, **{"x-portkey-virtual-key": "images-team"}).images.generate(
        model="gpt-image-2", prompt="an otter", response_format="b64_json"
    )
    assert_painted(answer)
    assert "response_format" not in seen.bodies[0]


def test_a_wrong_size_is_the_sdks_bad_request_error_before_anything_is_sent(client, plain_gateway, seen):
    with pytest.raises(openai.BadRequestError) as caught:
        client(plain_gateway, **{"x-portkey-virtual-key": "images-team"}).images.generate(
            model="dall-e-3", prompt="an otter", size="123x456"
        )
    assert caught.value.code == "invalid_size"
    assert caught.value.param == "size"
    assert "1792x1024" in caught.value.message
    assert seen.seen == []


def test_a_refused_prompt_is_the_sdks_bad_request_error(client, plain_gateway):
    with pytest.raises(openai.BadRequestError) as caught:
        client(plain_gateway, **{"x-portkey-virtual-key": "images-team"}).images.generate(
            model="refused", prompt="an otter"
        )
    assert caught.value.code == "content_policy_violation"
    assert caught.value.body["provider_code"] == "moderation_blocked"


def test_a_timeout_is_not_repeated_by_the_sdk(client, plain_gateway, seen):
    patient = client(
        plain_gateway, max_retries=2, **{"x-portkey-virtual-key": "images-team", "x-portkey-request-timeout": "300"}
    )
    with pytest.raises(openai.APIStatusError) as caught:
        patient.images.generate(model="slow:5", prompt="an otter")
    assert caught.value.status_code == 408
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert len(seen.seen) == 1


def test_the_providers_rejected_key_is_not_the_callers_fault(client, plain_gateway, seen):
    config = f'{{"provider": "openai", "api_key": "test-wrong-not-real", "custom_host": "{seen.url}"}}'
    with pytest.raises(openai.APIStatusError) as caught:
        client(plain_gateway, **{"x-portkey-config": config}).images.generate(model="gpt-image-2", prompt="an otter")
    assert caught.value.status_code == 502
    assert caught.value.code == "upstream_auth"


def test_raw_answers_tell_the_route(client, gateway):
    raw = client(gateway).images.with_raw_response.generate(model="gpt-image-2", prompt="an otter")
    assert raw.headers["x-portkey-last-used-option-index"] == "config.targets[1]"
    assert raw.headers["x-gateway-attempts"] == "2"
    assert raw.headers["x-portkey-provider"] == "openai"
    assert float(raw.headers["x-gateway-cost-usd"]) > 0


async def test_the_asynchronous_client_works_too(gateway):
    async with openai.AsyncOpenAI(
        base_url=f"{gateway.url}/v1", api_key="test-any-key-not-real", max_retries=0
    ) as asynchronous:
        assert_painted(await asynchronous.images.generate(model="gpt-image-2", prompt="an otter"))
