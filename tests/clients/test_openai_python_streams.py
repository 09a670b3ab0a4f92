"""The OpenAI SDK for Python reads events: those of the provider as they came, and those made up for others."""

import json
import urllib.request

import openai
import pytest
from openai.types import (
    ImageEditCompletedEvent,
    ImageEditPartialImageEvent,
    ImageGenCompletedEvent,
    ImageGenPartialImageEvent,
)

from tests.clients.pictures import arrived, mask, opened, picture, sent


def asked(client, **more):
    return client.images.generate(**{"model": "gpt-image-2", "prompt": "an otter", "stream": True, **more})


def test_the_providers_events_arrive_typed_and_complete(team, seen):
    first, second, last = asked(team, partial_images=2, size="1536x1024", quality="low")
    for index, event in enumerate((first, second)):
        assert isinstance(event, ImageGenPartialImageEvent)
        assert event.partial_image_index == index
        assert opened(event.b64_json).size == (1536, 1024)
    assert first.b64_json != second.b64_json != last.b64_json
    assert isinstance(last, ImageGenCompletedEvent)
    assert (last.size, last.quality, last.background, last.output_format) == ("1536x1024", "low", "opaque", "png")
    assert last.usage.output_tokens == 272 + 2 * 100
    assert seen.bodies[0] == {
        "model": "gpt-image-2",
        "prompt": "an otter",
        "stream": True,
        "partial_images": 2,
        "size": "1536x1024",
        "quality": "low",
    }


def test_events_of_an_edit_arrive_typed_and_complete(team, seen):
    first, last = team.images.edit(
        model="gpt-image-2",
        image=[picture(), picture(seed=2)],
        mask=mask(),
        prompt="a hat",
        stream=True,
        partial_images=1,
    )
    assert isinstance(first, ImageEditPartialImageEvent)
    assert isinstance(last, ImageEditCompletedEvent)
    assert last.usage.input_tokens_details.image_tokens == 323
    assert arrived(seen.seen[0]) == sent(picture(), picture(seed=2), mask())
    assert (seen.bodies[0]["stream"], seen.bodies[0]["partial_images"]) == ("true", "1")


def test_the_events_are_the_providers_byte_for_byte(plain_gateway, seen):
    body = json.dumps({"model": "gpt-image-2", "prompt": "an otter", "stream": True, "partial_images": 1}).encode()
    answers = []
    for url, header in (
        (f"{seen.url}/images/generations", {"authorization": f"Bearer {seen.key}"}),
        (f"{plain_gateway.url}/v1/images/generations", {"x-portkey-virtual-key": "images-team"}),
    ):
        request = urllib.request.Request(url, body, {"content-type": "application/json", **header})  # noqa: S310 - ours
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            assert answer.headers["content-type"].startswith("text/event-stream")
            answers.append(answer.read())
    assert answers[0] == answers[1]


def test_a_stream_tells_its_route_before_its_first_event(team):
    with team.images.with_streaming_response.generate(model="gpt-image-2", prompt="an otter", stream=True) as raw:
        assert raw.headers["x-portkey-provider"] == "openai"
        assert raw.headers["x-gateway-attempts"] == "1"
        [event] = raw.parse()
    assert isinstance(event, ImageGenCompletedEvent)


def test_a_failing_first_target_is_not_seen_in_the_events_of_the_second(openai_client, plain_gateway, seen, backup):
    client = openai_client(plain_gateway, **{"x-portkey-config": "with-backup"})
    events = list(asked(client, partial_images=1))
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]
    assert (len(seen.seen), len(backup.seen)) == (1, 1)


def test_a_refusal_before_the_first_event_is_the_sdks_bad_request_error(team):
    with pytest.raises(openai.BadRequestError) as caught:
        asked(team, model="refused")
    assert caught.value.code == "content_policy_violation"


def test_a_stream_that_breaks_off_is_the_sdks_error_in_the_midst_of_it(team):
    events = asked(team, model="stream-cut", partial_images=2)
    assert isinstance(next(events), ImageGenPartialImageEvent)
    with pytest.raises(openai.APIError) as caught:
        next(events)
    assert caught.value.code == "upstream_incomplete"


def test_an_error_in_the_midst_of_a_stream_is_the_sdks_error(team):
    events = asked(team, model="stream-refused", partial_images=2)
    assert isinstance(next(events), ImageGenPartialImageEvent)
    with pytest.raises(openai.APIError) as caught:
        next(events)
    assert caught.value.code == "moderation_blocked"


def test_a_caller_may_leave_a_stream_and_go_on(team):
    with asked(team, partial_images=3) as events:
        assert next(events).partial_image_index == 0
    assert [event.type for event in asked(team)] == ["image_generation.completed"]


def test_one_event_is_made_up_for_a_provider_that_has_none(sandbox):
    [event] = asked(sandbox, model="sandbox", partial_images=2, size="256x256", quality="high", background="opaque")
    assert isinstance(event, ImageGenCompletedEvent)
    assert opened(event.b64_json).size == (256, 256)
    assert (event.size, event.quality, event.background, event.output_format) == ("256x256", "high", "opaque", "png")
    assert event.created_at > 0


def test_what_is_made_up_has_every_field_that_the_sdk_promises_though_some_are_not_known(sandbox):
    [event] = asked(sandbox, model="sandbox")
    assert event.model_fields_set == ImageGenCompletedEvent.model_fields.keys() - {"safety_identifier"}
    assert (event.size, event.quality, event.background, event.output_format) == ("1024x1024", "auto", "auto", "png")
    assert event.usage is None


def test_one_event_is_made_up_for_an_edit_by_a_provider_that_has_none(sandbox):
    [event] = sandbox.images.edit(
        model="sandbox", image=picture(), mask=mask(), prompt="a hat", stream=True, partial_images=1
    )
    assert isinstance(event, ImageEditCompletedEvent)
    assert opened(event.b64_json).size == (64, 64)


def test_each_of_several_pictures_has_an_event_of_its_own(sandbox):
    events = list(asked(sandbox, model="sandbox", n=3))
    assert [event.type for event in events] == ["image_generation.completed"] * 3
    assert len({event.b64_json for event in events}) == 3


def test_a_model_without_events_answers_with_one_that_is_made_up(team, seen):
    [event] = asked(team, model="dall-e-3", partial_images=1)
    assert opened(event.b64_json).size == (1024, 1024)
    assert seen.bodies[0].keys().isdisjoint({"stream", "partial_images"})
