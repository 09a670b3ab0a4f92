"""Refusals for the model that the caller named."""

import pytest

from gateway.catalogue import BUILT_IN, refusal, row_of
from gateway.images import ImageRequest
from tests.gateway.delivery.pictures import upload

find = BUILT_IN.find


def _refused(model, provider="openai", **params):
    return refusal(find(provider, model), ImageRequest(params={"prompt": "an otter", "model": model, **params}))


@pytest.mark.parametrize(
    ("model", "params"),
    [
        ("dall-e-2", {"n": 10, "size": "256x256", "quality": "standard", "response_format": "url"}),
        ("dall-e-3", {"n": 1, "size": "1792x1024", "quality": "hd", "style": "natural", "user": "u"}),
        ("dall-e-3", {"response_format": "b64_json"}),
        ("dall-e-3", {"stream": False, "partial_images": 0}),
        ("gpt-image-1", {"size": "auto", "quality": "auto", "response_format": "b64_json", "moderation": "low"}),
        ("gpt-image-1", {"background": "transparent"}),
        ("gpt-image-1", {"background": "transparent", "output_format": "webp", "output_compression": 80}),
        ("gpt-image-2", {"size": "2048x1152", "background": "transparent"}),
        ("gpt-image-2.5-flare", {"quality": "max", "output_format": "svg", "complexity": "high"}),
        ("dall-e-3", {"a_parameter_of_the_provider": 1}),
        ("dall-e-2", {"image": [upload(size=(64, 64))], "mask": upload(size=(64, 64))}),
        ("gpt-image-1", {"image": [upload(), upload("jpeg")], "mask": upload()}),
        ("gpt-image-1", {"response_format": "url"}),
        ("dall-e-3", {"stream": True, "partial_images": 2}),
        ("dall-e-3", {"prompt": "x" * 4000}),
    ],
)
def test_what_the_model_takes_passes(model, params):
    assert _refused(model, **params) is None


@pytest.mark.parametrize(
    ("model", "params", "message"),
    [
        ("dall-e-3", {"size": "1000x1000"}, "Invalid size for dall-e-3: must be 1024x1024, 1792x1024, or 1024x1792"),
        ("dall-e-2", {"size": "1792x1024"}, "Invalid size for dall-e-2: must be 256x256, 512x512, or 1024x1024"),
        ("dall-e-3", {"size": "auto"}, "Invalid size for dall-e-3: must be 1024x1024, 1792x1024, or 1024x1792"),
        ("dall-e-3", {"n": 2}, "Invalid n for dall-e-3: must be 1"),
        ("dall-e-2", {"n": 11}, "Invalid n for dall-e-2: must be from 1 to 10"),
        ("dall-e-3", {"quality": "high"}, "Invalid quality for dall-e-3: must be standard or hd"),
        ("dall-e-2", {"quality": "hd"}, "Invalid quality for dall-e-2: must be standard"),
        ("gpt-image-1", {"quality": "hd"}, "Invalid quality for gpt-image-1: must be auto, low, medium, or high"),
        ("dall-e-3", {"style": "noir"}, "Invalid style for dall-e-3: must be vivid or natural"),
        (
            "dall-e-2",
            {"style": "vivid"},
            "Invalid style for dall-e-2: the model has no such parameter; leave it out",
        ),
        (
            "dall-e-3",
            {"background": "opaque"},
            "Invalid background for dall-e-3: the model has no such parameter; leave it out",
        ),
        ("dall-e-3", {"seed": 7}, "Invalid seed for dall-e-3: the model has no such parameter; leave it out"),
        ("dall-e-3", {"size": "16:9"}, "Invalid size for dall-e-3: must be 1024x1024, 1792x1024, or 1024x1792"),
        ("dall-e-2", {"image": [upload("jpeg")]}, "Invalid image for dall-e-2: it takes png, this one is jpeg"),
        (
            "dall-e-2",
            {"image": [upload(size=(64, 32))]},
            "Invalid image for dall-e-2: it takes square pictures, this one is 64x32",
        ),
        (
            "gpt-image-1",
            {"image": [upload()] * 17},
            "Invalid image for gpt-image-1: it takes 16 at most, these are 17",
        ),
        (
            "gpt-image-1",
            {"image": [upload("gif")]},
            "Invalid image for gpt-image-1: it takes png, webp, or jpeg, this one is gif",
        ),
        ("gpt-image-1", {"output_format": "gif"}, "Invalid output_format for gpt-image-1: must be png, jpeg, or webp"),
        (
            "gpt-image-1",
            {"background": "transparent", "output_format": "jpeg"},
            "Invalid background for gpt-image-1: transparent needs output_format png or webp, not jpeg",
        ),
        (
            "dall-e-2",
            {"prompt": "x" * 1001},
            "Invalid prompt for dall-e-2: must be at most 1000 characters, this one has 1001",
        ),
    ],
)
def test_what_the_model_does_not_take_is_refused_with_what_it_takes(model, params, message):
    error = _refused(model, **params)
    param = next(name for name in ("background", *params) if f"Invalid {name} " in message)
    assert (error.status, error.type) == (400, "invalid_request_error")
    assert (error.param, error.code) == (param, f"invalid_{param}")
    assert error.message == message


def test_a_picture_too_large_for_the_model_is_refused():
    row = row_of("openai", {"id": "a", "edit": True, "input": {"images_max": 1, "formats": ["png"], "bytes_max": 99}})
    given = upload()
    error = refusal(row, ImageRequest(params={"prompt": "an otter", "image": [given]}))
    assert error.message == f"Invalid image for a: it takes 99 bytes at most, this one has {given.content.size}"


def test_fan_out_lifts_the_number_of_pictures_and_nothing_else():
    row = find("openai", "dall-e-3")
    many = ImageRequest(params={"prompt": "an otter", "n": 5})
    assert refusal(row, many).code == "invalid_n"
    assert refusal(row, many, fan_out=True) is None
    odd = ImageRequest(params={"prompt": "an otter", "n": 5, "size": "7x7"})
    assert refusal(row, odd, fan_out=True).code == "invalid_size"


def test_every_form_is_delivered_whatever_the_model_makes():
    for form in ("url", "b64_json"):
        assert _refused("sandbox", "sandbox", response_format=form, size="321x77", n=10) is None


@pytest.mark.parametrize("value", [None, 5, 2.5, True, [], {}, "…"])
@pytest.mark.parametrize("name", ["prompt", "n", "size", "quality", "response_format", "stream", "output_format"])
def test_odd_values_that_a_config_put_there_break_nothing(name, value):
    for model in ("dall-e-3", "gpt-image-1", "gpt-image-2"):
        refusal(find("openai", model), ImageRequest(params={"prompt": "an otter", name: value}))
