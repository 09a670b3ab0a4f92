"""The pictures the fake upstream answers with: real PNG files of a chosen length, in OpenAI's answer."""

import base64
import json
import random
import struct
import zlib

SIDE = 1024
LENGTHS = {"small": 750, "big": 1_500_000, "held": 750}
"""Bytes of PNG by kind of answer; base64 makes four bytes of three."""


def png(length):
    """Return a valid grey PNG of SIDE × SIDE that is exactly `length` bytes long."""
    row = b"\0" + bytes(SIDE // 8)
    start = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 1, 0, 0, 0, 0))
    rest = _chunk(b"IDAT", zlib.compress(row * SIDE, 9)) + _chunk(b"IEND", b"")
    # Noise in a private ancillary chunk makes up the length: decoders must step over it, and nothing can shrink it.
    padding = random.Random(length).randbytes(length - len(start) - len(rest) - 12)
    return start + _chunk(b"prVt", padding) + rest


def b64(kind):
    """Return the base64 text of the picture of this kind."""
    return base64.b64encode(png(LENGTHS[kind])).decode()


def answer(kind):
    """Return the body of the upstream's answer, as an OpenAI image model gives it."""
    document = {
        "created": 1763600000,
        "background": "opaque",
        "data": [{"b64_json": b64(kind)}],
        "output_format": "png",
        "quality": "low",
        "size": f"{SIDE}x{SIDE}",
        "usage": {
            "input_tokens": 12,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 12},
            "output_tokens": 272,
            "total_tokens": 284,
        },
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
