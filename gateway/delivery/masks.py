"""Masks turned into what a provider wants: OpenAI marks by transparency, others by white or by black."""

import io
from typing import Literal

from gateway.images import Upload

_THRESHOLD = 128


class NoTransparency(Exception):
    """A mask in OpenAI's sense has a transparent part; this one cannot have any."""


def turned(mask: Upload, mark: Literal["transparent", "white", "black"], *, binary: bool) -> bytes:
    """Return a mask as PNG in which `mark` is what is to be changed; soft edges stay soft, unless it is `binary`."""
    from PIL import Image  # noqa: PLC0415 - Pillow waits for the first mask that has to be turned

    content = mask.content
    with Image.open(io.BytesIO(content.at(0, content.size))) as picture:
        if not picture.has_transparency_data:
            raise NoTransparency
        alpha = picture.convert("RGBA").getchannel("A")
    if binary:
        alpha = alpha.point(lambda value: 255 if value >= _THRESHOLD else 0)
    if mark == "transparent":
        made = Image.new("RGBA", alpha.size, (0, 0, 0, 255))
        made.putalpha(alpha)
    else:
        made = alpha if mark == "black" else alpha.point(lambda value: 255 - value)
    out = io.BytesIO()
    made.save(out, "PNG")
    return out.getvalue()
