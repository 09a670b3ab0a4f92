"""The stand-in for OpenAI is as strict as OpenAI: what other tests send through the gateway is judged by it."""

import openai
import pytest

from tests.clients.pictures import mask, opened, picture
from tests.fake_provider import KEY

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

PNG = ("a.png", picture())


@pytest.fixture
def images(closing, provider):
    """Return the resource of a client that asks the stand-in itself."""
    return closing(openai.OpenAI(base_url=provider.url, api_key=KEY, max_retries=0)).images


def refusal(ask, **request):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(**request)
    return caught.value.code, caught.value.param


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ({"response_format": "url"}, ("unknown_parameter", "response_format")),
        ({"extra_body": {"seed": 1}}, ("unknown_parameter", "seed")),
        ({"extra_body": {"style": "vivid"}}, ("unknown_parameter", "style")),
        ({"input_fidelity": "high"}, ("unknown_parameter", "input_fidelity")),
        ({"quality": "hd"}, ("invalid_value", "quality")),
        ({"size": "1000x1000"}, ("invalid_value", "size")),
        ({"n": 11}, ("invalid_value", "n")),
        ({"extra_body": {"stream": "True"}}, ("invalid_value", "stream")),
        ({"stream": True, "partial_images": 4}, ("invalid_value", "partial_images")),
        ({"output_compression": 50}, ("invalid_value", "output_compression")),
        ({"background": "transparent"}, ("invalid_value", "background")),
        ({"image": ("a.gif", picture("GIF"), "image/gif")}, ("unsupported_file_mimetype", "image")),
        ({"image": ("a.png", picture(), "application/octet-stream")}, ("unsupported_file_mimetype", "image")),
        ({"image": ("a.png", picture("JPEG"), "image/png")}, ("invalid_image_file", None)),
        ({"image": ("a.png", picture()[:500], "image/png")}, ("invalid_image_file", None)),
        ({"image": [PNG] * 17}, ("array_above_max_length", "image")),
        ({"mask": ("m.png", mask((32, 32)))}, ("invalid_mask_size", "mask")),
        ({"mask": ("m.png", picture())}, ("invalid_mask_image_format", "mask")),
        ({"mask": ("m.webp", picture("WEBP"), "image/webp")}, ("unsupported_file_mimetype", "mask")),
        ({"markup": PNG}, ("unknown_parameter", "markup")),
        ({"model": "dall-e-3"}, ("invalid_value", "model")),
        ({"model": "dall-e-2", "image": [PNG]}, ("invalid_type", "image")),
        ({"model": "dall-e-2", "image": ("a.png", picture(size=(64, 32)))}, ("invalid_image_size", "image")),
        ({"model": "dall-e-2", "image": ("a.jpeg", picture("JPEG"))}, ("unsupported_file_mimetype", "image")),
        ({"model": "dall-e-2", "image": ("a.png", picture(size=(1200, 1200)))}, ("image_too_large", "image")),
        ({"model": "dall-e-2", "stream": True}, ("unknown_parameter", "stream")),
        ({"model": "gpt-image-1-mini", "input_fidelity": "low"}, ("unknown_parameter", "input_fidelity")),
    ],
)
def test_it_refuses_an_edit_as_openai_does(more, refused, images):
    assert refusal(images.edit, **{"model": "gpt-image-2", "image": PNG, "prompt": "a hat", **more}) == refused


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ({"model": "gpt-image-2"}, ("invalid_value", "model")),
        ({"size": "1536x1024"}, ("invalid_value", "size")),
        ({"extra_body": {"prompt": "a hat"}}, ("unknown_parameter", "prompt")),
        ({"image": ("a.png", picture(size=(64, 32)))}, ("invalid_image_size", "image")),
    ],
)
def test_it_refuses_a_variation_as_openai_does(more, refused, images):
    assert refusal(images.create_variation, **{"model": "dall-e-2", "image": PNG, **more}) == refused


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ({"model": "dall-e-3", "n": 2}, ("invalid_value", "n")),
        ({"model": "dall-e-3", "size": "256x256"}, ("invalid_size", "size")),
        ({"model": "dall-e-3", "moderation": "low"}, ("unknown_parameter", "moderation")),
        ({"model": "dall-e-2", "prompt": "x" * 1001}, ("string_above_max_length", "prompt")),
        ({"model": "gpt-image-1", "size": "1600x1024"}, ("invalid_value", "size")),
        ({"extra_body": {"input_fidelity": "high"}}, ("unknown_parameter", "input_fidelity")),
        ({"response_format": "b64_json"}, ("unknown_parameter", "response_format")),
    ],
)
def test_it_refuses_a_generation_as_openai_does(more, refused, images):
    assert refusal(images.generate, **{"model": "gpt-image-2", "prompt": "an otter", **more}) == refused


def test_it_takes_what_openai_takes(images):
    edited = images.edit(
        model="gpt-image-1.5",
        image=[PNG] * 16,
        mask=("m.png", mask()),
        prompt="a hat",
        background="transparent",
        input_fidelity="high",
        output_format="webp",
        output_compression=50,
    )
    assert opened(edited.data[0].b64_json).format == "WEBP"
    opened(images.generate(model="gpt-image-2", prompt="an otter", size="2048x1152").data[0].b64_json)
