"""What a cassette of Stability AI cannot show: pictures that bring their mask along."""

import io

import pytest
from PIL import Image

from gateway.dialect.alpha import has_alpha
from gateway.images import ImageRequest, InMemory, Upload
from gateway.providers import PROVIDERS
from gateway.wire import Send, Target


def drawn(mode, format_="png"):
    """Return a picture with or without an alpha channel."""
    out = io.BytesIO()
    Image.new(mode, (64, 64)).save(out, format_.upper())
    return Upload(content=InMemory(out.getvalue()), format=format_, width=64, height=64)


def edited(picture, model="core"):
    params = {"model": model, "prompt": "a red door", "image": [picture]}
    return next(
        PROVIDERS["stability-ai"].flow(ImageRequest(params=params, path="/v1/images/edits"), Target(provider="s"))
    )


@pytest.mark.parametrize(("mode", "format_"), [("RGBA", "png"), ("LA", "png"), ("RGBA", "webp")])
def test_core_changes_the_transparent_parts_of_a_picture(mode, format_):
    sent = edited(drawn(mode, format_))
    assert isinstance(sent, Send)
    assert sent.path == "/v2beta/stable-image/edit/inpaint"
    assert [part.name for part in sent.form] == ["prompt", "image"]  # without a mask, the alpha of the picture is it


def test_a_webp_picture_without_loss_says_in_its_head_whether_it_has_alpha():
    out = io.BytesIO()
    Image.new("RGBA", (64, 64), (1, 2, 3, 0)).save(out, "WEBP", lossless=True, exact=True)
    assert has_alpha(Upload(content=InMemory(out.getvalue()), format="webp", width=64, height=64))


@pytest.mark.parametrize(
    ("mode", "format_"), [("RGB", "png"), ("L", "png"), ("RGB", "jpeg"), ("RGB", "webp"), ("L", "gif")]
)
def test_a_picture_without_alpha_is_no_mask(mode, format_):
    assert not has_alpha(drawn(mode, format_))
    with pytest.raises(StopIteration) as end:
        edited(drawn(mode, format_))
    assert end.value.value.param == "mask"


def test_a_head_that_is_cut_says_nothing():
    assert not has_alpha(Upload(content=InMemory(b"\x89PNG"), format="png", width=64, height=64))


def test_a_model_that_needs_no_mask_changes_the_whole_picture():
    assert edited(drawn("RGBA"), "ultra").path == "/v2beta/stable-image/generate/ultra"
