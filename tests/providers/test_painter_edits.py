"""The sandbox's edits and variations: real pictures in, real pictures out, the same for the same prompt and seed."""

import io

import pytest
from PIL import Image

from gateway.images import ImageRequest, InMemory, Upload
from gateway.providers import PROVIDERS
from gateway.wire import Paint, Target
from strategies import Cause, Failure, Success


def upload(image, kind="png"):
    file = io.BytesIO()
    image.save(file, kind)
    return Upload(content=InMemory(file.getvalue()), format=kind, width=image.width, height=image.height)


def solid(colour, size=(96, 64), mode="RGB"):
    return Image.new(mode, size, colour)


def half_mask(size=(96, 64)):
    """Return a mask whose right half is to be changed."""
    mask = Image.new("RGBA", size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (size[0] // 2, 0, *size))
    return mask


def made(operation, params, images, mask=None):
    path = {"edit": "/v1/images/edits", "vary": "/v1/images/variations"}[operation]
    given = {"image": list(images), **params} | ({} if mask is None else {"mask": mask})
    flow = PROVIDERS["sandbox"].flow(ImageRequest(params=given, path=path), Target(provider="sandbox"))
    answer = None
    while True:
        try:
            step = flow.send(answer)
        except StopIteration as end:
            return end.value
        assert isinstance(step, Paint)
        answer = step.work()


def pictures(outcome):
    assert isinstance(outcome, Success)
    return [picture.data for picture in outcome.reply.pictures]


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def mean(image, box):
    part = image.convert("RGB").crop(box).resize((1, 1), Image.Resampling.BOX)
    return part.getpixel((0, 0))


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "gif"])
def test_an_edit_is_a_picture_of_the_asked_kind_and_the_given_size(kind, output_format):
    outcome = made("edit", {"prompt": "a hat", "output_format": output_format}, [upload(solid("teal"), kind)])
    (data,) = pictures(outcome)
    assert (opened(data).format, opened(data).size) == (output_format.upper(), (96, 64))
    assert outcome.reply.about["size"] == "96x64"


def test_an_edit_shows_what_was_given():
    red, blue = (
        opened(pictures(made("edit", {"prompt": "a hat"}, [upload(solid(colour))]))[0]) for colour in ("red", "blue")
    )
    assert mean(red, (0, 0, 96, 64))[0] > mean(blue, (0, 0, 96, 64))[0] + 40
    assert mean(blue, (0, 0, 96, 64))[2] > mean(red, (0, 0, 96, 64))[2] + 40


def test_several_pictures_stand_side_by_side():
    image = opened(pictures(made("edit", {"prompt": "a hat"}, [upload(solid("red")), upload(solid("blue"))]))[0])
    assert mean(image, (0, 0, 40, 64))[0] > mean(image, (56, 0, 96, 64))[0]
    assert mean(image, (56, 0, 96, 64))[2] > mean(image, (0, 0, 40, 64))[2]


def test_a_size_that_was_asked_for_counts():
    (data,) = pictures(made("edit", {"prompt": "a hat", "size": "128x256"}, [upload(solid("red"))]))
    assert opened(data).size == (128, 256)


@pytest.mark.parametrize(
    ("given", "size"),
    [((4000, 20), (4000, 20)), ((5000, 4), (4096, 16)), ((8, 8), (16, 16)), ((4200, 2100), (4072, 2036))],
    ids=str,
)
def test_a_picture_of_an_odd_size_gives_the_nearest_that_is_painted(given, size):
    (data,) = pictures(made("vary", {}, [upload(solid("red", given))]))
    assert opened(data).size == size


def test_with_a_mask_only_the_transparent_part_changes():
    image = opened(pictures(made("edit", {"prompt": "a hat"}, [upload(solid((10, 200, 30)))], upload(half_mask())))[0])
    assert image.crop((0, 0, 47, 64)).getcolors() == [(47 * 64, (10, 200, 30))]
    assert len(image.crop((50, 0, 96, 64)).getcolors(9999)) > 40


def test_a_transparent_edit_keeps_what_was_solid():
    given = half_mask()
    image = opened(pictures(made("edit", {"prompt": "a hat", "background": "transparent"}, [upload(given)]))[0])
    assert image.mode == "RGBA"
    assert image.crop((0, 0, 47, 64)).getchannel("A").getextrema() == (255, 255)
    assert image.crop((50, 0, 96, 64)).getchannel("A").getextrema()[0] < 255


@pytest.mark.parametrize("operation", ["edit", "vary"])
def test_the_same_wish_gives_the_same_bytes_and_each_picture_has_a_seed_of_its_own(operation):
    image = Image.linear_gradient("L").resize((96, 64)).convert("RGB")
    image.paste((200, 30, 40), (10, 10, 40, 40))
    first, again, other = (
        pictures(made(operation, {"prompt": "p", "n": 2, "seed": seed}, [upload(image)])) for seed in (7, 7, 8)
    )
    assert first == again
    assert first[0] != first[1]
    assert first[1] == other[0]


def test_a_variation_needs_no_prompt_and_has_other_colours():
    (data,) = pictures(made("vary", {}, [upload(solid("red"))]))
    image = opened(data)
    assert image.size == (96, 64)
    red, green, blue = mean(image, (0, 0, 96, 64))
    assert max(green, blue) > red


@pytest.mark.parametrize(("output_format", "mode"), [("png", "RGBA"), ("webp", "RGBA"), ("jpeg", "RGB")])
def test_a_variation_of_a_transparent_picture_stays_so_where_it_can(output_format, mode):
    (data,) = pictures(made("vary", {"output_format": output_format}, [upload(half_mask())]))
    assert opened(data).mode == mode


@pytest.mark.parametrize("operation", ["edit", "vary"])
def test_a_damaged_picture_is_the_callers_fault(operation):
    whole = upload(Image.effect_noise((96, 64), 50).convert("RGB"))
    damaged = Upload(content=InMemory(whole.content.at(0, 300)), format="png", width=96, height=64)
    outcome = made(operation, {"prompt": "p"}, [damaged])
    assert isinstance(outcome, Failure)
    assert (outcome.cause, outcome.param, outcome.provider_code) == (Cause.INVALID, "image", "invalid_image")


def test_a_mask_without_a_transparent_part_marks_nothing():
    outcome = made("edit", {"prompt": "p"}, [upload(solid("red"))], upload(solid("white")))
    assert isinstance(outcome, Failure)
    assert (outcome.cause, outcome.param, outcome.provider_code) == (Cause.INVALID, "mask", "invalid_mask")


@pytest.mark.parametrize("count", [0, 17])
def test_too_few_or_too_many_pictures_are_refused(count):
    outcome = made("edit", {"prompt": "p"}, [upload(solid("red", (8, 8)))] * count)
    assert isinstance(outcome, Failure)
    assert (outcome.param, outcome.provider_code) == ("image", "invalid_image")


def test_a_picture_that_would_fill_the_memory_is_not_opened():
    huge = Upload(content=InMemory(b""), format="png", width=9000, height=9000)
    outcome = made("edit", {"prompt": "p"}, [huge])
    assert isinstance(outcome, Failure)
    assert outcome.message == "Invalid image for the sandbox: must be of at most 33177600 pixels"
