"""The sandbox's pictures: real files of the asked kind, the same for the same prompt and seed."""

import io
import subprocess
import sys

import pytest
from PIL import Image

from gateway.images import ImageRequest
from gateway.painter.painter import painted
from gateway.providers import PROVIDERS
from gateway.wire import Paint, Target
from strategies import Success

SMALL = (128, 96)


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("size", [(1024, 1024), (1536, 1024), (64, 256), (16, 16), (16, 2048)], ids=str)
def test_the_file_is_what_was_asked_for(output_format, size):
    image = opened(painted("an otter", seed=1, size=size, output_format=output_format))
    assert (image.format, image.size) == (output_format.upper(), size)


@pytest.mark.parametrize("transparent", [False, True])
def test_the_same_wish_gives_the_same_bytes(transparent):
    first, second = (painted("an otter", seed=1, size=SMALL, transparent=transparent) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "a heron"},
        {"seed": 2},
        {"vivid": False},
        {"detail": 3},
        {"transparent": True},
    ],
    ids=str,
)
def test_another_wish_gives_another_picture(other):
    wish = {"prompt": "an otter", "seed": 1, "size": SMALL}
    assert painted(**wish) != painted(**{**wish, **other})


@pytest.mark.parametrize("output_format", ["png", "webp"])
def test_a_transparent_picture_has_clear_and_solid_parts(output_format):
    image = opened(painted("a logo", seed=1, size=(512, 512), output_format=output_format, transparent=True))
    assert image.mode == "RGBA"
    low, high = image.getchannel("A").getextrema()
    assert low < 16
    assert high > 240


@pytest.mark.parametrize("output_format", ["jpeg", "webp"])
def test_compression_makes_the_file_smaller(output_format):
    large, small = (
        len(painted("an otter", seed=1, size=(256, 256), output_format=output_format, compression=level))
        for level in (95, 10)
    )
    assert small < large / 2


@pytest.mark.parametrize("seed", range(24))
def test_a_picture_is_neither_black_nor_blank(seed):
    image = opened(painted("an otter", seed=seed, size=(96, 96))).convert("L")
    low, high = image.getextrema()
    assert high - low > 90
    assert len(image.getcolors(256)) > 40


@pytest.mark.parametrize(
    "prompt", ["x" * 32_000, "海獭 🦦", "Ærlig – “ß” née", "\x00\n\t", "\ud800", " ", "W" * 399 + "é"]
)
def test_any_prompt_can_be_painted(prompt):
    assert opened(painted(prompt, seed=0, size=(256, 256))).size == (256, 256)


@pytest.mark.parametrize("seed", [-1, 2**80])
def test_any_whole_number_is_a_seed(seed):
    assert opened(painted("an otter", seed=seed, size=SMALL)).size == SMALL


def test_the_flow_has_its_pictures_painted_each_with_its_own_seed():
    flow = PROVIDERS["sandbox"].flow(
        ImageRequest(params={"prompt": "an otter", "n": 2, "size": "64x64"}), Target(provider="sandbox")
    )
    outcome = _driven(flow)
    assert isinstance(outcome, Success)
    first, second = (picture.data for picture in outcome.reply.pictures)
    assert first == painted("an otter", seed=0, size=(64, 64))
    assert second == painted("an otter", seed=1, size=(64, 64))


def _driven(flow):
    given = None
    while True:
        try:
            step = flow.send(given)
        except StopIteration as end:
            return end.value
        assert isinstance(step, Paint)
        given = step.work()


def test_pillow_is_not_imported_before_the_first_picture():
    code = "import sys, gateway.providers; sys.exit(any(name.startswith('PIL') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
