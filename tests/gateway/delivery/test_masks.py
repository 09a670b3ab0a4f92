"""Masks turned into what a provider wants."""

import io

import pytest
from PIL import Image

from gateway.delivery.masks import NoTransparency, turned
from tests.gateway.delivery.pictures import upload

ALPHA = (0, 64, 127, 128, 200, 255)
"""From what is to be changed to what is to stay."""


def saved(picture, kind="PNG", **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return upload(kind.lower(), picture.size, out.getvalue())


def mask(mode="RGBA", kind="PNG", **options):
    picture = Image.new("RGBA", (len(ALPHA), 1))
    for x, alpha in enumerate(ALPHA):
        picture.putpixel((x, 0), (200, 30, 90, alpha))
    return saved(picture.convert(mode), kind, **options)


def opened(data):
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        assert picture.format == "PNG"
        return picture


def grey(data):
    picture = opened(data)
    assert picture.mode == "L"
    return tuple(picture.tobytes())


@pytest.mark.parametrize(
    ("mark", "binary", "expected"),
    [
        ("white", False, (255, 191, 128, 127, 55, 0)),
        ("black", False, ALPHA),
        ("white", True, (255, 255, 255, 0, 0, 0)),
        ("black", True, (0, 0, 0, 255, 255, 255)),
    ],
    ids=["white", "black", "white and binary", "black and binary"],
)
def test_what_is_transparent_is_marked_in_the_colour_that_is_wanted(mark, binary, expected):
    assert grey(turned(mask(), mark, binary=binary)) == expected


@pytest.mark.parametrize(
    ("binary", "expected"), [(False, ALPHA), (True, (0, 0, 0, 255, 255, 255))], ids=["soft", "binary"]
)
def test_a_mask_may_stay_transparent_and_lose_its_picture(binary, expected):
    picture = opened(turned(mask(), "transparent", binary=binary))
    assert picture.mode == "RGBA"
    assert tuple(picture.getchannel("A").tobytes()) == expected
    assert {pixel[:3] for pixel in picture.get_flattened_data()} == {(0, 0, 0)}


@pytest.mark.parametrize(
    ("made"),
    [mask("LA"), mask(kind="WEBP", lossless=True, exact=True)],
    ids=["grey with transparency", "webp"],
)
def test_transparency_is_found_in_whatever_form_it_comes(made):
    assert grey(turned(made, "white", binary=True)) == (255, 255, 255, 0, 0, 0)


def test_one_transparent_colour_of_a_palette_is_transparency():
    picture = Image.new("P", (2, 1), 1)
    picture.putpalette([0, 0, 0, 255, 255, 255])
    picture.putpixel((0, 0), 0)
    assert grey(turned(saved(picture, transparency=0), "white", binary=False)) == (255, 0)


@pytest.mark.parametrize(
    "given",
    [saved(Image.new("RGB", (2, 2))), saved(Image.new("L", (2, 2))), saved(Image.new("RGB", (2, 2)), "JPEG")],
    ids=["colours", "grey", "jpeg"],
)
@pytest.mark.parametrize("mark", ["white", "black", "transparent"])
def test_a_mask_that_cannot_be_transparent_is_none(given, mark):
    with pytest.raises(NoTransparency):
        turned(given, mark, binary=False)
