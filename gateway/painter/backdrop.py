"""What stands behind the glass in a sandbox picture: a sky, a far disc, hills, lights; or pictures that were given."""

import colorsys
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from gateway.images import Upload
from gateway.painter.optics import Canvas

Colour = tuple[int, int, int]
Size = tuple[int, int]

# What Pillow's radial gradient holds where its circle touches the square's edges; the corners go on to 255.
RIM = 180

_OPAQUE = 255
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")

_COARSE = 2
_SKY = 32
_HILL_STEPS = 60


@dataclass(frozen=True, slots=True)
class Palette:
    """Four colours that go together, from the darkest to the lightest."""

    deep: Colour
    middle: Colour
    glow: Colour
    light: Colour


_PALETTES = (
    ("0b1026", "2b2a6b", "6a3fa0", "ffb36b"),  # night
    ("04202c", "0f5566", "1fa3a0", "ffd27a"),  # lagoon
    ("1a0a14", "5c1a33", "c2452d", "ffc46b"),  # ember
    ("06151f", "0d4d5b", "3aa69f", "c79bff"),  # aurora
    ("1b1030", "5a2a5e", "c2577f", "ffd6a5"),  # dusk
    ("030b1c", "0a2d5e", "1c6fb0", "9af0e6"),  # deep sea
    ("140b24", "3d1d5c", "8e3f98", "f2a7c3"),  # plum
    ("0c0e14", "272c3a", "56607a", "f2c14e"),  # graphite
    ("0a1630", "28507f", "6fa7d6", "ffe3ec"),  # polar
    ("10091c", "2a1f5c", "b03a6f", "ff9e7a"),  # neon
)


def palette(rng: Random, *, vivid: bool) -> Palette:
    """Return a palette, a little off the written one; the natural ones are paler and greyer."""
    turn = rng.uniform(-0.035, 0.035)
    deep, middle, glow, light = (_tuned(text, turn, vivid=vivid) for text in rng.choice(_PALETTES))
    return Palette(deep, middle, glow, light)


def backdrop(canvas: Canvas, rng: Random, colours: Palette, detail: int) -> Image.Image:
    """Return the picture without its glass and beams."""
    image = ImageChops.screen(_sky(canvas, rng, colours), _heavens(canvas, rng, colours, detail))
    image = image.resize(canvas.size, Image.Resampling.BILINEAR)  # nothing in it is sharp
    if rng.random() < 0.55:  # noqa: PLR2004
        _hills(image, canvas, rng, colours, detail)
    return image


class Unreadable(Exception):
    """A given picture cannot be decoded."""


class OpaqueMask(Exception):
    """A mask marks by transparency, and this one has none."""


def fitted(images: Sequence[Upload], size: Size) -> Image.Image:
    """Return given pictures as one of that size with transparency, several side by side."""
    whole = Image.new("RGBA", size)
    edges = [round(size[0] * index / len(images)) for index in range(len(images) + 1)]
    for upload, left, right in zip(images, edges[:-1], edges[1:], strict=True):
        strip = (max(1, right - left), size[1])
        whole.paste(ImageOps.fit(_decoded(upload, strip), strip, Image.Resampling.BICUBIC), (left, 0))
    return whole


def marked(mask: Upload, size: Size) -> Image.Image:
    """Return how much of each pixel is to stay, from what is transparent in a mask."""
    alpha = _decoded(mask, size).getchannel("A")
    if alpha.getextrema() == (_OPAQUE, _OPAQUE):
        raise OpaqueMask
    return ImageOps.fit(alpha, size, Image.Resampling.BILINEAR)


def dimmed(given: Image.Image, canvas: Canvas) -> Image.Image:
    """Return given pictures as a backdrop: on black, out of focus, and dark enough for light to show."""
    image = Image.new("RGB", given.size)
    image.paste(given, mask=given.getchannel("A"))
    image = image.resize(canvas.part(_COARSE), Image.Resampling.BOX)
    image = image.filter(ImageFilter.GaussianBlur(canvas.unit / _COARSE / 90))
    return image.resize(canvas.size, Image.Resampling.BILINEAR).point([round(v * 0.55) for v in range(256)] * 3)


def _decoded(upload: Upload, size: Size) -> Image.Image:
    """Return a picture with transparency; JPEGs are decoded no larger than needed."""
    content = upload.content
    try:
        with Image.open(io.BytesIO(content.at(0, content.size)), formats=_FORMATS) as picture:
            if picture.size != (upload.width, upload.height):
                raise Unreadable  # it is larger, maybe far larger, than what was allowed in
            picture.draft("RGB", size)
            return picture.convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unreadable from None


def _tuned(text: str, turn: float, *, vivid: bool) -> Colour:
    red, green, blue = bytes.fromhex(text)
    hue, lightness, saturation = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
    if not vivid:
        saturation *= 0.45
        lightness = 0.14 + lightness * 0.80
    red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb((hue + turn) % 1.0, lightness, saturation))
    return red, green, blue


def _mixed(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _sky(canvas: Canvas, rng: Random, colours: Palette) -> Image.Image:
    """A few colours that flow into each other, worked out small and enlarged softly."""
    spots = [
        (rng.uniform(0.0, 1.0), rng.uniform(-0.25, 0.05), colours.deep, 1.0),
        (rng.uniform(-0.1, 0.4), rng.uniform(0.2, 0.7), colours.middle, 1.0),
        (rng.uniform(0.6, 1.1), rng.uniform(0.3, 0.8), colours.middle, 0.8),
        (rng.uniform(0.1, 0.9), rng.uniform(0.75, 0.95), colours.glow, 0.5),
        (rng.uniform(0.0, 1.0), rng.uniform(0.3, 0.6), _mixed(colours.deep, colours.glow, 0.5), 0.5),
        (rng.uniform(0.0, 1.0), 1.2, colours.deep, 1.0),
    ]
    pixels = bytearray()
    for row in range(_SKY):
        for column in range(_SKY):
            red = green = blue = total = 0.0
            for x, y, colour, weight in spots:
                nearness = 0.03 + (column / _SKY - x) ** 2 + (row / _SKY - y) ** 2
                share = weight / (nearness * nearness)
                red += share * colour[0]
                green += share * colour[1]
                blue += share * colour[2]
                total += share
            pixels += bytes((int(red / total), int(green / total), int(blue / total)))
    return Image.frombytes("RGB", (_SKY, _SKY), bytes(pixels)).resize(canvas.part(_COARSE), Image.Resampling.BICUBIC)


def _heavens(canvas: Canvas, rng: Random, colours: Palette, detail: int) -> Image.Image:
    """A disc that fades towards its foot, its halo, rings, and small lights."""
    scale = 1 / _COARSE
    layer = Image.new("RGB", canvas.part(_COARSE))
    unit = canvas.unit * scale
    x, y = canvas.at((rng.uniform(-0.42, 0.42), rng.uniform(-0.34, 0.06)), scale)
    radius = max(2, round(rng.uniform(0.09, 0.25) * unit))
    halo = Image.radial_gradient("L").point([round(110 * max(0.0, 1 - v / RIM) ** 2) for v in range(256)])
    wide = radius * 7
    layer.paste(colours.glow, (round(x - wide / 2), round(y - wide / 2)), halo.resize((wide, wide)))
    draw = ImageDraw.Draw(layer)
    for ring in range(rng.randint(0, 1 + detail)):
        edge = radius * (1.3 + 0.3 * ring)
        colour = _mixed((0, 0, 0), colours.light, 0.16 / (1 + 0.4 * ring))
        draw.ellipse((x - edge, y - edge, x + edge, y + edge), outline=colour, width=max(1, round(unit / 400)))
    disc = Image.new("L", (2 * radius, 2 * radius))
    ImageDraw.Draw(disc).ellipse((0, 0, 2 * radius - 1, 2 * radius - 1), fill=255)
    fade = Image.linear_gradient("L").point([round(205 * (1 - v / 255) ** 1.3) + 12 for v in range(256)])
    disc = ImageChops.multiply(disc, fade.resize(disc.size))
    layer.paste(_mixed(colours.light, colours.glow, 0.35), (round(x - radius), round(y - radius)), disc)
    lights = Image.new("RGB", layer.size)
    draw = ImageDraw.Draw(lights)
    for _ in range(14 * detail):
        at = canvas.at((rng.uniform(-1, 1), rng.uniform(-1, 0.6)), scale)
        size = unit * (0.0012 + 0.02 * rng.random() ** 6)
        level = rng.uniform(0.10, 0.55) if size < unit * 0.004 else rng.uniform(0.05, 0.22)
        box = (at[0] - size, at[1] - size, at[0] + size, at[1] + size)
        draw.ellipse(box, fill=_mixed((0, 0, 0), rng.choice((colours.light, colours.glow)), level))
    return ImageChops.add(layer.filter(ImageFilter.BoxBlur(unit / 600)), lights)


def _hills(image: Image.Image, canvas: Canvas, rng: Random, colours: Palette, detail: int) -> None:
    """Ranges of hills, the nearer the darker."""
    ranges = 2 + detail // 2
    for index in range(ranges):
        nearness = (index + 1) / ranges
        level = 0.20 + 0.20 * nearness + rng.uniform(-0.02, 0.02)
        waves = [(rng.uniform(0.6, 2.4) * (1 + k), rng.random() * math.tau, 0.045 / (1 + 1.2 * k)) for k in range(3)]
        mask = Image.new("L", canvas.part(_COARSE))
        ridge = []
        for step in range(_HILL_STEPS + 1):
            share = step / _HILL_STEPS
            height = sum(size * math.sin(math.tau * rate * share + phase) for rate, phase, size in waves)
            ridge.append((share * mask.width, mask.height * (0.5 + level + height)))
        ImageDraw.Draw(mask).polygon([*ridge, mask.size, (0, mask.height)], fill=150 + round(80 * nearness))
        mask = mask.resize(canvas.size, Image.Resampling.BICUBIC)
        image.paste(_mixed(colours.middle, colours.deep, 0.35 + 0.6 * nearness), (0, 0), mask)
