"""The OpenAI SDK for Python, with only its base URL, key and headers changed."""

import base64

import openai
import pytest

from tests.clients.pictures import fetched, opened
from tests.fake_provider import KEY


@pytest.fixture
def client(openai_client):
    return openai_client


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


def test_links_and_base64_are_what_was_asked_for_whatever_the_provider_has(team, seen):
    linked = team.images.generate(model="gpt-image-2", prompt="an otter", n=2, response_format="url")
    assert [fetched(one.url)[1][:4] for one in linked.data] == [b"\x89PNG"] * 2
    assert [one.b64_json for one in linked.data] == [None, None]
    embedded = team.images.generate(
        model="dall-e-2", prompt="an otter", n=2, size="256x256", response_format="b64_json"
    )
    assert [opened(one.b64_json).size for one in embedded.data] == [(256, 256)] * 2
    assert seen.bodies == [
        {"model": "gpt-image-2", "prompt": "an otter", "n": 2},
        {"model": "dall-e-2", "prompt": "an otter", "n": 2, "size": "256x256", "response_format": "b64_json"},
    ]


def test_what_the_provider_says_about_its_pictures_arrives(team):
    answer = team.images.generate(model="gpt-image-2", prompt="an otter", quality="low", output_format="jpeg")
    assert (answer.quality, answer.output_format, answer.size, answer.background) == (
        "low",
        "jpeg",
        "1024x1024",
        "opaque",
    )
    assert opened(answer.data[0].b64_json).format == "JPEG"
    assert (
        team.images.generate(model="dall-e-3", prompt="an otter").data[0].revised_prompt == "an otter, in full detail"
    )


def test_with_options_changes_the_headers_of_one_call(team, seen):
    changed = team.with_options(default_headers={"x-portkey-config": "stored"}, max_retries=0)
    assert_painted(changed.images.generate(model="gpt-image-2", prompt="an otter"))
    assert [body["model"] for body in seen.bodies] == ["status:503", "gpt-image-2"]


def test_lists_the_models_and_finds_each_again(team):
    listed = list(team.models.list())
    assert {"gpt-image-2", "dall-e-2", "sandbox"} <= {model.id for model in listed}
    assert all(model.object == "model" and model.owned_by for model in listed)
    for model in listed:
        assert team.models.retrieve(model.id).id == model.id


def test_a_model_that_is_not_there_is_the_sdks_not_found_error(team):
    with pytest.raises(openai.NotFoundError) as caught:
        team.models.retrieve("no-such-model")
    assert caught.value.code == "model_not_found"
