"""Pictures for tests: real ones, and crafted ones."""

import base64
import functools
import io
import random
import struct
import zlib

from PIL import Image

from gateway.delivery.verify import look
from gateway.images import InMemory, Picture, Upload

REAL = {
    "png": ("PNG", {}),
    "jpeg": ("JPEG", {"quality": 90}),
    "progressive jpeg": ("JPEG", {"progressive": True}),
    "webp lossy": ("WEBP", {"quality": 80}),
    "webp lossless": ("WEBP", {"lossless": True}),
    "webp extended": ("WEBP", {"quality": 80, "exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}),
    "gif": ("GIF", {}),
}


@functools.cache
def painted(kind, size=(96, 64), **options):
    noise = random.Random(7).randbytes(size[0] * size[1] * 3)
    buffer = io.BytesIO()
    Image.frombytes("RGB", size, noise).save(buffer, kind, **options)
    return buffer.getvalue()


def upload(kind="png", size=(64, 64), content=None):
    """Return a picture as it comes with a request."""
    data = painted(kind.upper(), size) if content is None else content
    return Upload(content=InMemory(data), format=kind, width=size[0], height=size[1])


def in_base64(data):
    return Picture(b64=memoryview(base64.b64encode(data)))


def seen_either_way(data):
    """Return what is seen of the bytes, which is the same in either form."""
    seen = look(Picture(data=data))
    assert look(in_base64(data)) == seen
    return seen


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_that_claims(width, height, filler=20_000):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(random.Random(1).randbytes(filler))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
