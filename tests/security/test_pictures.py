"""S21: pictures that are larger than they look, other than they say, or no pictures at all."""

import io
import struct
import time

import pytest
from PIL import Image

from gateway.delivery.formats import NotAPicture, read_header
from gateway.errors import GatewayError
from gateway.http.uploads import upload_of
from gateway.images import InMemory
from tests.end_to_end.provider import png
from tests.end_to_end.studio import noise

MIB = 1 << 20


def painted(kind, size=(64, 64)):
    buffer = io.BytesIO()
    Image.new("RGB", size, (1, 2, 3)).save(buffer, kind)
    return buffer.getvalue()


def claiming(width, height):
    whole = noise(20_000)
    return whole[:16] + struct.pack(">II", width, height) + whole[24:]


NO_PICTURES = {
    "nothing": b"",
    "169 megapixels": claiming(13_000, 13_000),
    "four billion wide": claiming(0xFFFF_FFFF, 1),
    "no area": claiming(0, 64),
    "the start of a PNG": png()[:20],
    "a PNG without end": png()[:-12],
    "a PNG without header": b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
    "a JPEG of fill bytes": b"\xff\xd8" + b"\xff" * MIB,
    "a JPEG of segments": b"\xff\xd8" + b"\xff\xe1\0\2" * (MIB // 4),
    "a JPEG without end": painted("JPEG")[:-300],
    "a JPEG of 65,535 squared": painted("JPEG").replace(b"\0\x11\x08\0\x40\0\x40", b"\0\x11\x08\xff\xff\xff\xff"),
    "a WebP that promises more": b"RIFF\xff\xff\xff\x7fWEBPVP8 " + b"\0" * 100,
    "a WebP of another kind": b"RIFF\x64\0\0\0WEBPABCD" + b"\0" * 100,
    "a GIF without end": painted("GIF")[:-10],
    "a GIF's first bytes": b"GIF89a",
    "a GIF of 65,535 squared": b"GIF89a\xff\xff\xff\xff\0\0\0" + b"\0" * 30 + b"\0;",
    "HTML": b"<!DOCTYPE html><script>alert(1)</script>",
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "an SVG of entities": b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "a">]><svg>&a;</svg>',
    "ZIP": b"PK\x03\x04" + b"0" * 100,
    "PDF": b"%PDF-1.7\n" + b"0" * 100,
    "TIFF": b"II*\0" + b"\0" * 100,
    "a program": b"\x7fELF" + b"\0" * 100,
}


@pytest.mark.parametrize("what", NO_PICTURES)
def test_s21_image_bombs_are_refused_by_their_first_bytes(what):
    assert len(NO_PICTURES) >= 20
    fastest = 1.0
    for _ in range(3):
        started = time.perf_counter()
        with pytest.raises(GatewayError) as refused:
            upload_of(InMemory(NO_PICTURES[what]), "image")
        fastest = min(fastest, time.perf_counter() - started)
    assert (refused.value.status, refused.value.code, refused.value.param) == (400, "invalid_image", "image")
    assert fastest < 0.05


POLYGLOTS = {
    "a PNG and a page": png() + b"<html><script>alert(1)</script></html>",
    "a PNG and a ZIP": png() + b"PK\x05\x06" + b"\0" * 18,
    "a GIF and a script": painted("GIF").replace(b"GIF87a", b"GIF89a") + b"/*" + b"\0;",
}


@pytest.mark.parametrize("what", POLYGLOTS)
def test_s21_what_is_two_things_is_a_picture_or_nothing(what):
    """It goes on as the picture that its first bytes say, `nosniff`, and in no other type."""
    try:
        header = read_header(InMemory(POLYGLOTS[what]))
    except NotAPicture:
        return
    assert header.format in {"png", "gif"}
