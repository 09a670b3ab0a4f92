"""The OpenAI SDK for Python sends pictures along: every way it takes them, and their bytes as they are."""

import io

import openai
import pytest

from tests.clients.pictures import arrived, fetched, mask, opened, picture, sent

# The endpoint is old, and the SDK says so.
pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

LARGE = (640, 640)
"""Of a picture that does not stay in memory on its way through."""


def test_edits_one_picture(team, seen):
    answer = team.images.edit(
        model="gpt-image-2", image=("otter.png", picture()), prompt="in the rain", size="1536x1024", quality="low"
    )
    assert opened(answer.data[0].b64_json).size == (1536, 1024)
    assert answer.usage.input_tokens_details.image_tokens == 323
    [request] = seen.seen
    assert request["path"] == "/v1/images/edits"
    assert request["json"] == {
        "model": "gpt-image-2",
        "prompt": "in the rain",
        "size": "1536x1024",
        "quality": "low",
    }
    [file] = request["files"]
    assert (file.name, file.type, [file.sha256]) == ("image", "image/png", sent(picture()))


def test_edits_several_pictures_in_their_order(team, seen):
    images = [picture(seed=seed, container=kind) for seed, kind in enumerate(("PNG", "JPEG", "WEBP", "PNG"))]
    team.images.edit(model="gpt-image-2", image=[(f"{n}.bin", one) for n, one in enumerate(images)], prompt="together")
    assert arrived(seen.seen[0], "image[]") == sent(*images)
    assert [file.type for file in seen.seen[0]["files"]] == ["image/png", "image/jpeg", "image/webp", "image/png"]


def test_edits_as_many_pictures_as_the_api_takes(team, seen):
    images = [picture(seed=seed) for seed in range(16)]
    team.images.edit(model="gpt-image-2", image=images, prompt="together")
    assert arrived(seen.seen[0]) == sent(*images)


def test_a_mask_travels_with_its_picture(team, seen):
    team.images.edit(model="gpt-image-2", image=picture(), mask=("mask.png", mask(), "image/png"), prompt="a hat")
    assert arrived(seen.seen[0], "image") == sent(picture())
    assert arrived(seen.seen[0], "mask") == sent(mask())


@pytest.mark.parametrize("form", ["bytes", "path", "open file", "in memory", "name and bytes", "name, file and type"])
def test_a_picture_may_be_given_as_the_sdk_takes_it(form, team, seen, tmp_path):
    path = tmp_path / "otter.png"
    path.write_bytes(picture())
    with path.open("rb") as file:
        team.images.edit(
            model="gpt-image-2",
            image={
                "bytes": picture(),
                "path": path,
                "open file": file,
                "in memory": io.BytesIO(picture()),
                "name and bytes": ("otter.png", picture()),
                "name, file and type": ("otter.png", io.BytesIO(picture()), "application/octet-stream"),
            }[form],
            prompt="in the rain",
        )
    [file] = seen.seen[0]["files"]
    assert (file.type, [file.sha256]) == ("image/png", sent(picture()))


def test_every_field_of_an_edit_travels(team, seen):
    team.images.edit(
        model="gpt-image-1.5",
        image=picture(),
        prompt="in the rain – ☔",
        background="transparent",
        input_fidelity="high",
        n=2,
        output_compression=80,
        output_format="webp",
        quality="high",
        size="1024x1536",
        user="ada",
    )
    assert seen.bodies[0] == {
        "model": "gpt-image-1.5",
        "prompt": "in the rain – ☔",
        "background": "transparent",
        "input_fidelity": "high",
        "n": "2",
        "output_compression": "80",
        "output_format": "webp",
        "quality": "high",
        "size": "1024x1536",
        "user": "ada",
    }


def test_a_field_beside_those_of_the_call_travels_too(team, seen):
    team.images.edit(model="gpt-image-2", image=picture(), prompt="in the rain", extra_body={"user": "someone"})
    assert seen.bodies[0]["user"] == "someone"


def test_a_fallback_sends_the_same_bytes_to_the_next_provider(openai_client, plain_gateway, seen, backup):
    images = [picture(size=LARGE, seed=1), picture("JPEG", LARGE, seed=2)]
    raw = openai_client(plain_gateway, **{"x-portkey-config": "with-backup"}).images.with_raw_response.edit(
        model="gpt-image-2", image=images, mask=mask(LARGE), prompt="together"
    )
    assert raw.headers["x-portkey-last-used-option-index"] == "config.targets[1]"
    opened(raw.parse().data[0].b64_json)
    for provider in (seen, backup):
        [request] = provider.seen
        assert arrived(request) == sent(*images, mask(LARGE))
    assert backup.bodies[0]["model"] == "gpt-image-2"


def test_a_retry_sends_the_same_bytes_again(openai_client, plain_gateway, seen):
    seen.failures.append((503, {"error": {"message": "busy"}}, {"retry-after-ms": "1"}))
    config = '{"virtual_key": "images-team", "retry": {"attempts": 1}}'
    image = picture(size=LARGE)
    openai_client(plain_gateway, **{"x-portkey-config": config}).images.edit(
        model="gpt-image-2", image=image, prompt="in the rain"
    )
    assert [arrived(request) for request in seen.seen] == [sent(image)] * 2


def test_a_variation_falls_back_to_another_model(openai_client, plain_gateway, seen):
    sandbox = '{"provider": "sandbox", "override_params": {"model": "sandbox"}}'
    config = f'{{"strategy": {{"mode": "fallback"}}, "targets": [{{"virtual_key": "images-team"}}, {sandbox}]}}'
    seen.failures.append((500, {"error": {"message": "broken"}}, {}))
    raw = openai_client(plain_gateway, **{"x-portkey-config": config}).images.with_raw_response.create_variation(
        model="dall-e-2", image=picture(), response_format="b64_json", size="256x256"
    )
    assert raw.headers["x-portkey-provider"] == "sandbox"
    assert opened(raw.parse().data[0].b64_json).size == (256, 256)
    assert arrived(seen.seen[0]) == sent(picture())


def test_an_edit_may_be_answered_with_a_link(team):
    answer = team.images.edit(model="gpt-image-2", image=picture(), prompt="in the rain", response_format="url")
    assert fetched(answer.data[0].url)[0] == "image/png"


def test_varies_a_picture(team, seen):
    answer = team.images.create_variation(
        model="dall-e-2", image=picture(), n=2, size="256x256", response_format="b64_json"
    )
    assert [opened(one.b64_json).size for one in answer.data] == [(256, 256)] * 2
    [request] = seen.seen
    assert request["path"] == "/v1/images/variations"
    assert request["json"] == {"model": "dall-e-2", "n": "2", "size": "256x256", "response_format": "b64_json"}
    assert arrived(request, "image") == sent(picture())


def test_the_providers_own_link_to_a_variation_is_passed_on(team):
    answer = team.images.create_variation(model="dall-e-2", image=picture())
    assert fetched(answer.data[0].url)[1].startswith(b"\x89PNG")


def test_the_sandbox_edits_and_varies(sandbox):
    edited = sandbox.images.edit(model="sandbox", image=[picture(), picture(seed=2)], mask=mask(), prompt="a hat", n=2)
    assert [opened(one.b64_json).size for one in edited.data] == [(64, 64)] * 2
    varied = sandbox.images.create_variation(model="sandbox", image=picture(size=(96, 64)), response_format="url")
    assert fetched(varied.data[0].url)[0] == "image/png"


def test_an_edit_is_answered_under_the_path_without_v1_too(closing, plain_gateway):
    client = closing(openai.OpenAI(base_url=plain_gateway.url, api_key="test-any-key-not-real", max_retries=0))
    answer = client.images.edit(model="sandbox", image=picture(), prompt="in the rain")
    opened(answer.data[0].b64_json)


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"image": b""}, "image"),
        ({"image": b"no picture at all"}, "image"),
        ({"image": picture()[:200]}, "image"),
        ({"image": [picture(seed=seed) for seed in range(17)]}, "image"),
        ({"image": picture(), "mask": mask((32, 32))}, "mask"),
        ({"image": picture(), "mask": b"no picture at all"}, "mask"),
    ],
    ids=["empty", "text", "cut", "seventeen", "mask of another size", "mask of text"],
)
def test_a_picture_that_cannot_be_is_the_sdks_bad_request_error_before_anything_is_sent(wrong, param, team, seen):
    with pytest.raises(openai.BadRequestError) as caught:
        team.images.edit(model="gpt-image-2", prompt="in the rain", **wrong)
    assert (caught.value.code, caught.value.param) == ("invalid_image", param)
    assert seen.seen == []


@pytest.mark.parametrize("image", [picture(size=(64, 32)), picture("JPEG")], ids=["not square", "not a PNG"])
def test_the_limits_of_the_named_model_hold_for_its_pictures(image, team, seen):
    with pytest.raises(openai.BadRequestError) as caught:
        team.images.create_variation(model="dall-e-2", image=image)
    assert caught.value.code == "invalid_image"
    assert seen.seen == []


def test_an_edit_on_a_model_that_cannot_is_the_sdks_unprocessable_entity_error(team, seen):
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        team.images.edit(model="dall-e-3", image=picture(), prompt="in the rain")
    assert caught.value.code == "unsupported"
    assert seen.seen == []


def test_a_variation_on_a_model_that_cannot_is_the_sdks_unprocessable_entity_error(team, seen):
    with pytest.raises(openai.UnprocessableEntityError):
        team.images.create_variation(model="gpt-image-2", image=picture())
    assert seen.seen == []


def test_a_refused_picture_is_the_sdks_status_error_with_its_code(team):
    with pytest.raises(openai.APIStatusError) as caught:
        team.images.edit(model="refused", image=picture(), prompt="in the rain")
    assert (caught.value.status_code, caught.value.code) == (400, "content_policy_violation")
    assert caught.value.body["provider_code"] == "moderation_blocked"
    assert [row["cause"] for row in caught.value.body["attempts"]] == ["policy"]


def test_what_the_provider_finds_wrong_with_a_mask_is_the_sdks_bad_request_error(team, seen):
    with pytest.raises(openai.BadRequestError) as caught:
        team.images.edit(model="gpt-image-2", image=picture(), mask=picture(seed=2), prompt="a hat")
    assert caught.value.param == "mask"
    assert "alpha" in caught.value.message
