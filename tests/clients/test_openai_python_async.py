"""The asynchronous client of the OpenAI SDK for Python: the same requests, and several at a time."""

import asyncio

import openai
import pytest
from openai.types import ImageEditCompletedEvent, ImageGenCompletedEvent

from tests.clients.pictures import arrived, mask, opened, picture, sent


@pytest.fixture
async def team(plain_gateway):
    async with openai.AsyncOpenAI(
        base_url=f"{plain_gateway.url}/v1",
        api_key="test-any-key-not-real",
        max_retries=0,
        default_headers={"x-portkey-virtual-key": "images-team"},
    ) as made:
        yield made


async def test_edits_one_picture_from_its_path(team, seen, tmp_path):
    path = tmp_path / "otter.png"
    path.write_bytes(picture())
    answer = await team.images.edit(model="gpt-image-2", image=path, prompt="in the rain")
    opened(answer.data[0].b64_json)
    assert arrived(seen.seen[0], "image") == sent(picture())


async def test_edits_several_pictures_with_a_mask(team, seen):
    images = [picture(), picture("JPEG", seed=2)]
    await team.images.edit(model="gpt-image-2", image=images, mask=("mask.png", mask()), prompt="together")
    assert arrived(seen.seen[0]) == sent(*images, mask())


async def test_edits_at_a_time_keep_their_pictures_apart(team, seen):
    images = {f"otter {seed}": picture(size=(400, 400), seed=seed) for seed in range(8)}
    await asyncio.gather(
        *(team.images.edit(model="gpt-image-2", image=image, prompt=prompt) for prompt, image in images.items())
    )
    assert {request["json"]["prompt"]: arrived(request) for request in seen.seen} == {
        prompt: sent(image) for prompt, image in images.items()
    }


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the endpoint is old, and the SDK says so
async def test_varies_a_picture(team, seen):
    answer = await team.images.create_variation(model="dall-e-2", image=picture(), response_format="b64_json")
    opened(answer.data[0].b64_json)
    assert arrived(seen.seen[0], "image") == sent(picture())


async def test_reads_the_events_of_a_generation(team):
    stream = await team.images.generate(model="gpt-image-2", prompt="an otter", stream=True, partial_images=2)
    events = [event async for event in stream]
    assert [event.type.rpartition(".")[2] for event in events] == ["partial_image", "partial_image", "completed"]
    assert isinstance(events[-1], ImageGenCompletedEvent)


async def test_reads_the_events_of_an_edit(team):
    stream = await team.images.edit(
        model="gpt-image-2", image=picture(), prompt="in the rain", stream=True, partial_images=1
    )
    events = [event async for event in stream]
    assert len(events) == 2
    assert isinstance(events[-1], ImageEditCompletedEvent)


async def test_an_invalid_picture_is_a_bad_request_error(team):
    with pytest.raises(openai.BadRequestError) as caught:
        await team.images.edit(model="gpt-image-2", image=b"no picture at all", prompt="in the rain")
    assert caught.value.code == "invalid_image"


async def test_an_edit_on_a_model_that_cannot_is_an_unprocessable_entity_error(team):
    with pytest.raises(openai.UnprocessableEntityError):
        await team.images.edit(model="dall-e-3", image=picture(), prompt="in the rain")


async def test_lists_the_models_and_finds_each_again(team):
    listed = [model async for model in team.models.list()]
    found = await asyncio.gather(*(team.models.retrieve(model.id) for model in listed[:20]))
    assert [model.id for model in found] == [model.id for model in listed[:20]]
