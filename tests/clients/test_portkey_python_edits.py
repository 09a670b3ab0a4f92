"""The Portkey SDK for Python sends pictures along, varies them, and reads events, as far as it can."""

import asyncio

import portkey_ai
import pytest
from portkey_ai._vendor import openai as portkeys_openai

from tests.clients.pictures import arrived, fetched, mask, opened, picture, sent
from tests.fake_provider import KEY

LARGE = (640, 640)


@pytest.fixture
def team(portkey_client, plain_gateway):
    """Return Portkey's client whose requests go to the stand-in for OpenAI."""
    return portkey_client(plain_gateway, virtual_key="images-team")


@pytest.mark.parametrize("form", ["bytes", "path", "name and bytes"])
def test_edits_one_picture_however_it_is_given(form, team, seen, tmp_path):
    path = tmp_path / "otter.png"
    path.write_bytes(picture())
    given = {"bytes": picture(), "path": path, "name and bytes": ("otter.png", picture())}
    answer = team.images.edit(model="gpt-image-2", image=given[form], prompt="in the rain", size="1536x1024")
    assert opened(answer.data[0].b64_json).size == (1536, 1024)
    assert arrived(seen.seen[0], "image") == sent(picture())
    assert seen.seen[0]["headers"]["authorization"] == f"Bearer {KEY}"


def test_edits_several_pictures_with_a_mask(team, seen):
    images = [picture(), picture("JPEG", seed=2), picture("WEBP", seed=3)]
    team.images.edit(model="gpt-image-2", image=images, mask=mask(), prompt="together", n=2)
    assert arrived(seen.seen[0]) == sent(*images, mask())
    assert seen.bodies[0] == {"model": "gpt-image-2", "prompt": "together", "n": "2"}


def test_a_config_falls_back_with_the_same_bytes(portkey_client, plain_gateway, seen, backup):
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [
            {"virtual_key": "images-team", "override_params": {"model": "status:500"}},
            {"virtual_key": "backup"},
        ],
    }
    image = picture(size=LARGE)
    answer = portkey_client(plain_gateway, config=config).images.edit(
        model="gpt-image-2", image=image, mask=mask(LARGE), prompt="in the rain"
    )
    assert answer.get_headers()["last-used-option-index"] == "config.targets[1]"
    assert [arrived(provider.seen[0]) for provider in (seen, backup)] == [sent(image, mask(LARGE))] * 2


def test_a_stored_config_edits_too(portkey_client, plain_gateway, seen, backup):
    answer = portkey_client(plain_gateway, config="with-backup").images.edit(
        model="gpt-image-2", image=picture(), prompt="in the rain", response_format="url"
    )
    assert fetched(answer.data[0].url)[0] == "image/png"
    assert (len(seen.seen), len(backup.seen)) == (1, 1)


def test_varies_a_picture(team, seen):
    answer = team.images.create_variation(
        model="dall-e-2", image=picture(), n=2, size="256x256", response_format="b64_json"
    )
    assert [opened(one.b64_json).size for one in answer.data] == [(256, 256)] * 2
    assert arrived(seen.seen[0], "image") == sent(picture())


def test_reads_the_events_of_a_generation(team):
    events = list(team.images.generate(model="gpt-image-2", prompt="an otter", stream=True, partial_images=2))
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    opened(events[-1].b64_json)
    assert events[-1].usage.output_tokens == 272 + 2 * 100


def test_reads_the_events_of_an_edit(team, seen):
    events = list(
        team.images.edit(model="gpt-image-2", image=picture(), prompt="in the rain", stream=True, partial_images=1)
    )
    assert [event.type for event in events] == ["image_edit.partial_image", "image_edit.completed"]
    assert arrived(seen.seen[0]) == sent(picture())


def test_the_sandbox_edits_varies_and_makes_up_events(portkey_client, plain_gateway):
    images = portkey_client(plain_gateway, config={"provider": "sandbox"}).images
    edited = images.edit(model="sandbox", image=[picture(), picture(seed=2)], mask=mask(), prompt="a hat")
    assert opened(edited.data[0].b64_json).size == (64, 64)
    varied = images.create_variation(model="sandbox", image=picture())
    assert opened(varied.data[0].b64_json).size == (64, 64)
    [event] = images.edit(model="sandbox", image=picture(), prompt="a hat", stream=True)
    assert (event.type, event.size) == ("image_edit.completed", "64x64")


def test_failures_are_its_exceptions(team):
    with pytest.raises(portkeys_openai.BadRequestError) as invalid:
        team.images.edit(model="gpt-image-2", image=b"no picture at all", prompt="in the rain")
    assert invalid.value.code == "invalid_image"
    with pytest.raises(portkeys_openai.UnprocessableEntityError) as unsupported:
        team.images.edit(model="dall-e-3", image=picture(), prompt="in the rain")
    assert unsupported.value.code == "unsupported"
    with pytest.raises(portkeys_openai.APIStatusError) as refused:
        team.images.edit(model="refused", image=picture(), prompt="in the rain")
    assert refused.value.code == "content_policy_violation"


def test_lists_the_models_and_finds_one_again(team):
    listed = team.models.list()
    assert "gpt-image-2" in {model.id for model in listed.data}
    assert team.models.retrieve("gpt-image-2").owned_by == "openai"


async def test_the_asynchronous_client_edits_varies_and_streams(plain_gateway, seen):
    client = portkey_ai.AsyncPortkey(
        base_url=f"{plain_gateway.url}/v1",
        api_key="test-portkey-key-not-real",
        virtual_key="images-team",
        max_retries=0,
    )
    async with client, client.openai_client:
        stream, edited, varied = await asyncio.gather(
            client.images.generate(model="gpt-image-2", prompt="an otter", stream=True, partial_images=1),
            client.images.edit(model="gpt-image-2", image=[picture(), picture(seed=2)], mask=mask(), prompt="a hat"),
            client.images.create_variation(model="dall-e-2", image=picture(seed=3), response_format="b64_json"),
        )
        assert len([event async for event in stream]) == 2
    assert [opened(answer.data[0].b64_json).size for answer in (edited, varied)] == [(1024, 1024)] * 2
    assert {request["path"].rpartition("/")[2]: arrived(request) for request in seen.seen} == {
        "generations": [],
        "edits": sent(picture(), picture(seed=2), mask()),
        "variations": sent(picture(seed=3)),
    }
