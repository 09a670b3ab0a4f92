"""Picture formats by their first and last bytes: what it is, how large, and whether all of it is there."""

import re
import struct

from gateway.images import Bytes
from strategies import value

_TRAILING = 64
"""Bytes of padding that are forgiven behind the end of a picture."""

_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_PNG_HEAD = 24

_JPEG_TRAILING = 1024
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_SCAN, _JPEG_END, _JPEG_MARK = 0xDA, 0xD9, 0xFF
# Real files have a few dozen segments before the scan; what has more is made to keep us busy.
_JPEG_SEGMENTS = 512

_WEBP_HEAD = 30
_VP8_START, _VP8L_START = b"\x9d\x01\x2a", 0x2F

_GIF_SEARCHED, _PNG_SEARCHED, _WEBP_FILM = 1 << 18, 4096, 2
_GIF_LOOP, _GIF_TIME = b"NETSCAPE2.0", b"\0!\xf9\x04"
_SVG_TAG = re.compile(rb"<svg[\s>]")
_SVG_PROLOGUE = (b"<svg", b"<?xml", b"<!doctype svg", b"<!--")
_SVG_SEARCHED, _SVG_END_SEARCHED = 4096, 256

_BOXES = 512
_HEIF_SEARCHED = 4096
_HEIF_BRANDS = {b"avif": "avif", b"avis": "avif", b"heic": "heic", b"heix": "heic", b"hevc": "heic", b"mif1": "heic"}


@value()
class Header:
    """What a picture says of itself."""

    format: str
    width: int | None = None
    height: int | None = None


class NotAPicture(Exception):
    """The bytes are no picture that anyone could show; says what they are instead."""


def read_header(picture: Bytes) -> Header:
    """Return what the picture is; raises `NotAPicture` for anything broken, cut or foreign."""
    head = picture.at(0, 32)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(head, picture)
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg(picture)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _webp(head, picture)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _gif(head, picture)
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return _heif(head, picture)
    return _text(picture)


def is_film(picture: Bytes, format_: str) -> bool:
    """Whether there are several pictures in one, as far as its start says so."""
    match format_:
        case "gif":  # a film that repeats says so; one that does not has a second picture with a time of its own
            start = picture.at(0, _GIF_SEARCHED)
            return _GIF_LOOP in start or start.count(_GIF_TIME) > 1
        case "png":
            return b"acTL" in picture.at(0, _PNG_SEARCHED).partition(b"IDAT")[0]
        case "webp":
            return picture.at(12, 4) == b"VP8X" and bool(picture.at(20, 1)[0] & _WEBP_FILM)
        case _:
            return False


def _cut(name: str, what: str) -> NotAPicture:
    return NotAPicture(f"a {name} picture that is cut short: {what}")


def _tail(picture: Bytes, count: int) -> bytes:
    return picture.at(max(picture.size - count, 0), count)


def _png(head: bytes, picture: Bytes) -> Header:
    if len(head) < _PNG_HEAD:
        raise _cut("PNG", "its header is not whole")
    if head[8:16] != b"\0\0\0\rIHDR":
        raise NotAPicture("a PNG picture without a header")
    if _PNG_END not in _tail(picture, _TRAILING):
        raise _cut("PNG", "it has no end")
    width, height = struct.unpack_from(">II", head, 16)
    return Header("png", width, height)


def _jpeg(picture: Bytes) -> Header:
    offset, dimensions = 2, None
    for _ in range(_JPEG_SEGMENTS):
        segment = picture.at(offset, 9)
        if len(segment) < 4:  # noqa: PLR2004 - marker and length
            raise _cut("JPEG", "its header is not whole")
        marker = segment[1]
        if segment[0] != _JPEG_MARK or marker == _JPEG_END:
            raise NotAPicture("a JPEG picture with a broken header")
        if marker == _JPEG_MARK:  # one of any number of fill bytes
            offset += 1
            continue
        if marker == _JPEG_SCAN:
            break
        if marker in _JPEG_BARE:
            offset += 2
            continue
        if marker in _JPEG_FRAMES and len(segment) == 9:  # noqa: PLR2004
            height, width = struct.unpack_from(">HH", segment, 5)
            dimensions = width, height
        offset += 2 + int.from_bytes(segment[2:4])
    if dimensions is None:
        raise NotAPicture("a JPEG picture without dimensions")
    # Looked for behind the start of the scan only: a thumbnail in the header has an end of its own.
    start = max(offset, picture.size - _JPEG_TRAILING)
    if b"\xff\xd9" not in picture.at(start, _JPEG_TRAILING):
        raise _cut("JPEG", "it has no end")
    return Header("jpeg", *dimensions)


def _webp(head: bytes, picture: Bytes) -> Header:
    if len(head) < _WEBP_HEAD:
        raise _cut("WebP", "its header is not whole")
    declared = int.from_bytes(head[4:8], "little") + 8
    if picture.size < declared:
        raise _cut("WebP", f"{picture.size} of {declared} bytes")
    if picture.size > declared + _TRAILING:
        raise NotAPicture("a WebP picture with other data behind it")
    kind, body = head[12:16], head[20:]
    if kind == b"VP8 " and body[3:6] == _VP8_START:
        width, height = struct.unpack_from("<HH", body, 6)
        return Header("webp", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L" and body[0] == _VP8L_START:
        packed = int.from_bytes(body[1:5], "little")
        return Header("webp", (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1)
    if kind == b"VP8X":
        return Header("webp", int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1)
    raise NotAPicture("a WebP picture with a broken header")


def _gif(head: bytes, picture: Bytes) -> Header:
    if len(head) < 13:  # noqa: PLR2004 - signature and screen descriptor
        raise _cut("GIF", "its header is not whole")
    # A trailer alone is one byte that anything may end with; in a whole file it follows an empty block.
    if not _tail(picture, _TRAILING).rstrip(b"\0\r\n").endswith(b"\0;"):
        raise _cut("GIF", "it has no end")
    width, height = struct.unpack_from("<HH", head, 6)
    return Header("gif", width, height)


def _heif(head: bytes, picture: Bytes) -> Header:
    name = _HEIF_BRANDS[head[8:12]]
    offset, painted = 0, False
    for _ in range(_BOXES):
        if offset >= picture.size or (painted and offset >= picture.size - _TRAILING):
            break
        box = picture.at(offset, 16)
        length = int.from_bytes(box[:4])
        if length == 0:
            length = picture.size - offset
        elif length == 1:
            length = int.from_bytes(box[8:16])
        painted = painted or box[4:8] == b"mdat"
        offset += max(length, 8)
    if offset > picture.size or not painted:
        raise _cut(name.upper(), "its last part is not whole")
    properties = picture.at(0, _HEIF_SEARCHED)
    found = [
        struct.unpack_from(">II", properties, place.end() + 4)
        for place in re.finditer(rb"ispe", properties)
        if place.end() + 12 <= len(properties)
    ]
    # Several where the picture is made of tiles: the largest is the whole.
    return Header(name, *max(found)) if found else Header(name)


def _text(picture: Bytes) -> Header:
    start = picture.at(0, _SVG_SEARCHED).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(_SVG_PROLOGUE) and _SVG_TAG.search(start) and b"<html" not in start:
        if b"</svg>" not in _tail(picture, _SVG_END_SEARCHED).lower():
            raise _cut("SVG", "it has no end")
        return Header("svg")
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or b"<html" in start[:1024]:
        raise NotAPicture("an HTML page instead of a picture")
    if start.startswith((b"{", b"[")):
        raise NotAPicture("JSON text instead of a picture")
    raise NotAPicture("data that is no picture")
