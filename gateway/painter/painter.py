"""Paints the sandbox's pictures: glass that splits light, a different one for each prompt and seed."""

import colorsys
import hashlib
import io
import math
import unicodedata
from random import Random
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

from gateway.painter.backdrop import RIM, Palette, backdrop, dimmed, palette
from gateway.painter.optics import Canvas, Point, Scene, scene

_COARSE = 2
_BLOOM = 8
_SMALL = 640
_GRAIN = 256
_CAPTION_NEEDS = 192
_LONGEST_CAPTION = 400
# The built-in typeface knows ASCII alone.
_SPELLED_OUT = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "\u2019": "'", "–": "-", "—": "-"})


def painted(
    prompt: str,
    *,
    seed: int,
    size: tuple[int, int],
    output_format: str = "png",
    compression: int = 100,
    transparent: bool = False,
    vivid: bool = True,
    detail: int = 2,
) -> bytes:
    """Return a picture file; the same arguments give the same bytes.

    `compression` is the quality of JPEG and WebP, `detail` grows with the quality asked for, 1 to 4.
    """
    image = _painting(prompt, seed=seed, size=size, transparent=transparent, vivid=vivid, detail=detail)
    return _file(_luminous(image) if transparent else image, output_format, compression)


def edited(
    prompt: str,
    given: Image.Image,
    kept: Image.Image | None,
    *,
    output_format: str = "png",
    compression: int = 100,
    transparent: bool = False,
    **how: Any,  # noqa: ANN401 - handed on as it is
) -> bytes:
    """Return a picture file with the painting over a given picture; the same arguments give the same bytes.

    `kept` says how much of each pixel stays as it was; `how` is the rest of what `painted` takes, but for the size.
    """
    image = _painting(prompt, size=given.size, transparent=transparent, given=given, **how)
    if transparent:
        image, whole = _luminous(image, given.getchannel("A")), given
    else:
        whole = Image.new("RGB", given.size)
        whole.paste(given, mask=given.getchannel("A"))
    return _file(image if kept is None else Image.composite(whole, image, kept), output_format, compression)


def varied(prompt: str, given: Image.Image, *, seed: int, output_format: str = "png", compression: int = 100) -> bytes:
    """Return a picture file with a given picture in other colours; the same arguments give the same bytes."""
    rng = _chance(prompt, seed)
    alpha = given.getchannel("A")
    hue, saturation, value = given.convert("RGB").convert("HSV").split()
    turn = round(256 * rng.uniform(0.12, 0.88))
    vividness, light = rng.uniform(0.7, 1.3), rng.uniform(0.75, 1.25)
    image = Image.merge(
        "HSV",
        (
            hue.point([(v + turn) % 256 for v in range(256)]),
            saturation.point([min(255, round(v * vividness)) for v in range(256)]),
            value.point([round(255 * (v / 255) ** light) for v in range(256)]),
        ),
    ).convert("RGB")
    if alpha.getextrema() != (255, 255):
        if output_format == "jpeg":
            image = Image.composite(image, Image.new("RGB", image.size, (255, 255, 255)), alpha)
        else:
            image.putalpha(alpha)
    return _file(ImageOps.mirror(image) if rng.random() < 0.5 else image, output_format, compression)  # noqa: PLR2004


def _chance(prompt: str, seed: int) -> Random:
    digest = hashlib.sha256(f"{seed}\n{prompt}".encode(errors="surrogatepass")).digest()
    return Random(digest)  # noqa: S311 - the picture follows from its prompt; there is nothing to guess


def _painting(
    prompt: str,
    *,
    seed: int,
    size: tuple[int, int],
    transparent: bool,
    vivid: bool = True,
    detail: int = 2,
    given: Image.Image | None = None,
) -> Image.Image:
    rng = _chance(prompt, seed)
    times = 2 if min(size) < _SMALL else 1
    canvas = Canvas(size[0] * times, size[1] * times)
    colours = palette(rng, vivid=vivid)
    stage = scene(rng, 24 + 12 * detail)
    if given is not None:
        image = dimmed(given, canvas)
    else:
        image = Image.new("RGB", canvas.size) if transparent else backdrop(canvas, rng, colours, detail)
    image = _glass(image, canvas, stage, colours)
    light = _light(canvas, stage, vivid=vivid)
    image = ImageChops.screen(image, _bloom(light, canvas))
    image = ImageChops.screen(image, light)
    image = _edges(image, canvas, stage)
    if times > 1:
        image = image.reduce(times)  # small pictures show every jagged edge
    if not transparent:
        image = _grained(image, rng)
    _caption(image, Canvas(*size), prompt)
    return image


def _glass(image: Image.Image, canvas: Canvas, stage: Scene, colours: Palette) -> Image.Image:
    """The glass shows what is behind it smaller, upside down and brighter, as a thick piece does."""
    mask = Image.new("L", canvas.size)
    corners = [canvas.at(corner) for corner in stage.glass]
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    box = mask.getbbox()
    if box is None:
        return image
    size = (box[2] - box[0], box[3] - box[1])
    behind = ImageOps.fit(image.transpose(Image.Transpose.ROTATE_180), size, Image.Resampling.BILINEAR)
    shine = Image.linear_gradient("L").resize(size).point([round(70 * (1 - v / 255) ** 2) + 14 for v in range(256)])
    tint = Image.new("RGB", size, colours.light)
    inside = Image.composite(tint, behind, shine)
    image.paste(inside, box[:2], mask.crop(box).filter(ImageFilter.BoxBlur(0.7)))
    return image


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _light(canvas: Canvas, stage: Scene, *, vivid: bool) -> Image.Image:
    scale = 1 / _COARSE
    layer = Image.new("RGB", canvas.part(_COARSE))
    draw = ImageDraw.Draw(layer)
    saturation = 0.92 if vivid else 0.62
    for wedge in stage.wedges:
        colour = _colour(wedge.hue, saturation, wedge.strength)
        draw.polygon([canvas.at(corner, scale) for corner in wedge.corners], fill=colour)
    layer = ImageChops.multiply(layer, _distance(canvas, stage.focus))
    draw = ImageDraw.Draw(layer)
    for ray in sorted(stage.rays, key=lambda ray: ray.strength):
        ends = [canvas.at(ray.start, scale), canvas.at(ray.end, scale)]
        width = max(1, round(ray.width * canvas.unit * scale))
        draw.line(ends, fill=_colour(0.12, 0.06, ray.strength), width=width)
    layer = layer.filter(ImageFilter.GaussianBlur(canvas.unit * scale / 380))
    return layer.resize(canvas.size, Image.Resampling.BILINEAR)


def _distance(canvas: Canvas, focus: Point) -> Image.Image:
    """How much of the light is left, by distance from where it left the glass."""
    width, height = canvas.part(_COARSE)
    x, y = canvas.at(focus, 1 / _COARSE)
    reach = math.hypot(width, height) * 0.8
    ratio = 128 / reach
    fade = Image.radial_gradient("L").point([round(229 * max(0.0, 1 - v / RIM) ** 0.7) + 26 for v in range(256)])
    placed = fade.transform(
        (width, height),
        Image.Transform.AFFINE,
        (ratio, 0, 128 - x * ratio, 0, ratio, 128 - y * ratio),
        Image.Resampling.BILINEAR,
        fillcolor=26,
    )
    return Image.merge("RGB", (placed, placed, placed))


def _bloom(light: Image.Image, canvas: Canvas) -> Image.Image:
    small = light.resize(canvas.part(_BLOOM), Image.Resampling.BOX)
    unit = canvas.unit / _BLOOM
    near = small.filter(ImageFilter.GaussianBlur(unit * 0.018))
    wide = small.filter(ImageFilter.GaussianBlur(unit * 0.075))
    glow = ImageChops.add(near, wide, scale=1.7)
    return glow.resize(canvas.size, Image.Resampling.BICUBIC)


def _edges(image: Image.Image, canvas: Canvas, stage: Scene) -> Image.Image:
    layer = Image.new("L", canvas.size)
    draw = ImageDraw.Draw(layer)
    corners = [canvas.at(corner) for corner in stage.glass]
    width = max(1, round(canvas.unit / 340))
    lines = list(zip(corners, [*corners[1:], corners[0]], strict=True))
    for index, line in enumerate(lines):
        draw.line(line, fill=(200, 130, 90, 110)[index % 4], width=width)
    for facet in stage.facets:
        draw.line([canvas.at(end) for end in facet], fill=120, width=width)
    box = layer.getbbox()
    if box is not None:
        image.paste((255, 255, 255), box, layer.crop(box).filter(ImageFilter.GaussianBlur(0.8)))
    return image


def _grained(image: Image.Image, rng: Random) -> Image.Image:
    """Noise too faint to see keeps the soft gradients from showing steps."""
    tile = Image.frombytes("L", (_GRAIN, _GRAIN), rng.randbytes(_GRAIN * _GRAIN)).point([v // 64 for v in range(256)])
    grain = Image.new("L", image.size)
    for x in range(0, image.width, _GRAIN):
        for y in range(0, image.height, _GRAIN):
            grain.paste(tile, (x, y))
    return ImageChops.add(image, Image.merge("RGB", (grain, grain, grain)), offset=-1)


def _caption(image: Image.Image, canvas: Canvas, prompt: str) -> None:
    """The prompt in small letters, as far as the built-in typeface can write it."""
    spelled = unicodedata.normalize("NFKD", prompt[:_LONGEST_CAPTION].translate(_SPELLED_OUT))
    text = " ".join("".join(letter for letter in spelled if letter.isspace() or " " <= letter <= "~").split())
    if canvas.unit < _CAPTION_NEEDS or not text:
        return
    height = round(canvas.unit * 0.021)
    font = ImageFont.load_default(size=height)
    margin = round(canvas.unit * 0.035)
    room = canvas.width - 2 * margin
    if len(prompt) > _LONGEST_CAPTION or font.getlength(text) > room:
        while text and font.getlength(text + "...") > room:
            text = text[: -max(1, len(text) // 40)]
        text = text.rstrip() + "..."
    mask = Image.new("L", (room, 2 * height))
    ImageDraw.Draw(mask).text((0, 0), text, fill=200, font=font)
    place = (margin, canvas.height - margin - round(1.2 * height))
    image.paste((0, 0, 0), (place[0] + 1, place[1] + 1), mask.point([v // 2 for v in range(256)]))
    image.paste((255, 255, 255), place, mask)


def _luminous(image: Image.Image, solid: Image.Image | None = None) -> Image.Image:
    """Light on nothing: a pixel is as opaque as it is bright, or as what is behind it."""
    red, green, blue = image.split()
    alpha = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    if solid is not None:
        alpha = ImageChops.lighter(alpha, solid)
    return Image.merge("RGBa", (red, green, blue, alpha)).convert("RGBA")


def _file(image: Image.Image, output_format: str, compression: int) -> bytes:
    file = io.BytesIO()
    if output_format == "png":
        image.save(file, "PNG", compress_level=1)
    elif output_format == "jpeg":
        image.save(file, "JPEG", quality=max(1, compression))
    else:
        image.save(file, "WEBP", quality=compression, method=2)
    return file.getvalue()
