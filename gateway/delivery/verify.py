"""The cheap look at each picture before it counts as one: by its first and last bytes, whatever its size."""

import re
from dataclasses import dataclass, replace
from typing import Final

import orjson
import pybase64

from gateway.delivery.formats import NotAPicture, read_header
from gateway.images import Adaptation, Bytes, InMemory, Picture
from strategies import value

PIXELS_MAX: Final = 50_000_000
"""What is larger was made to exhaust whoever opens it; no model paints it."""

_QUAD, _TRIPLE = 4, 3
# Where escapes are looked for: encoders that escape the slash escape every one, and a kilobyte of base64 has many.
_SAMPLED = 1024
_URL = re.compile(r"https?://[^\s/?#@\\]+(?:[/?#]\S*)?", re.IGNORECASE)
_SIZE = re.compile(r"[0-9]{1,5}x[0-9]{1,5}")
# How callers write the formats that can be recognised.
_NAMES = {"jpg": "jpeg"} | {name: name for name in ("png", "jpeg", "webp", "gif", "svg", "avif", "heic")}


@value()
class Seen:
    """A picture that looks whole. Of a link nothing is known, as it was not fetched."""

    format: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that came in a picture's place; the message goes on from "the provider sent"."""

    message: str


def look(picture: Picture) -> Seen | Fault:
    """Return what the picture is, or what is wrong with it."""
    if picture.url is not None:
        return Seen() if _URL.fullmatch(picture.url) else Fault("a link that is no http address instead of a picture")
    try:
        return _looked_at(_bytes_of(picture))
    except NotAPicture as found:
        return Fault(str(found))
    except ValueError:
        # Decoders say so of any character outside the alphabet.
        return Fault("data that is not base64 instead of a picture")


def canonical_base64(picture: Picture) -> Picture:
    """Return a picture that was looked at with its base64 bare: without escapes, line breaks or a prefix."""
    if picture.b64 is None:
        return picture
    return replace(picture, b64=_plain_base64(picture.b64))


def mismatches(asked_size: object, asked_format: object, seen: Seen) -> tuple[Adaptation, ...]:
    """Return what the delivered picture is unlike what was asked for."""
    found = []
    # What is not a size, or not the name of a format, was the provider's own word: there is nothing to compare.
    size, given = str(asked_size), f"{seen.width}x{seen.height}"
    if seen.width is not None and size != given and _SIZE.fullmatch(size):
        found.append(Adaptation("size", size, given))
    container = str(asked_format)
    if seen.format is not None and _NAMES.get(container, seen.format) != seen.format:
        found.append(Adaptation("output_format", container, seen.format))
    return tuple(found)


def _looked_at(data: Bytes) -> Seen | Fault:
    if data.size == 0:
        return Fault("an empty picture")
    header = read_header(data)
    if header.width is not None and header.height is not None:
        pixels = header.width * header.height
        if pixels == 0:
            return Fault(f"a {header.format.upper()} picture without an area")
        if pixels > PIXELS_MAX:
            return Fault(
                f"a picture of {header.width}x{header.height}, over the {PIXELS_MAX // 10**6} megapixels allowed"
            )
    return Seen(header.format, header.width, header.height, data.size)


def _bytes_of(picture: Picture) -> Bytes:
    if picture.data is not None:
        return InMemory(picture.data)
    text = _plain_base64(memoryview(b"") if picture.b64 is None else picture.b64)
    if len(text) % _QUAD:
        raise NotAPicture("a picture that is cut short: its base64 is not complete")
    return _Base64(text)


def _plain_base64(text: memoryview) -> memoryview:
    return _without_prefix(_unescaped(text) if _escaped(text) else text)


class _Base64:
    """Bytes in base64, decoded where they are looked at and nowhere else."""

    def __init__(self, text: memoryview) -> None:
        self._text = text
        padding = bytes(text[-2:]).count(b"=")
        self.size = len(text) // _QUAD * _TRIPLE - padding

    def at(self, offset: int, count: int) -> bytes:
        first, last = offset // _TRIPLE, -(-(offset + count) // _TRIPLE)
        decoded = pybase64.b64decode(self._text[first * _QUAD : last * _QUAD], validate=True)
        start = offset - first * _TRIPLE
        return decoded[start : start + count]


def _escaped(text: memoryview) -> bool:
    if b"\\" in bytes(text[:_SAMPLED]) or b"\\" in bytes(text[-_SAMPLED:]):
        return True
    # An incomplete text is a failure anyway; before it is called so, it is worth reading through.
    return len(text) % _QUAD != 0 and b"\\" in bytes(text)


def _unescaped(text: memoryview) -> memoryview:
    plain: str = orjson.loads(b"".join((b'"', text, b'"')))
    # Line breaks are the other thing that encoders escape.
    return memoryview("".join(plain.split()).encode("ascii"))


def _without_prefix(text: memoryview) -> memoryview:
    start = bytes(text[:128])
    if not start.startswith(b"data:"):
        return text
    kind, comma, _ = start.partition(b",")
    if not comma or not kind.endswith(b";base64"):
        raise NotAPicture("a data URL that is not in base64")
    return text[len(kind) + 1 :]
