"""A provider that never tires: small answers and large ones, events, failures, and answers that never come."""

import asyncio
import base64
import json
import random

from tests.end_to_end.provider import png
from tests.end_to_end.studio import COMPLETED, PARTIAL, noise
from tests.own_thread import OwnThread

LARGE_BYTES = 3 << 19
"""In base64 that is 2 MiB."""


def _answer(status, body, kind="application/json"):
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _painted(picture):
    item = {"b64_json": base64.b64encode(picture).decode()}
    return _answer(200, json.dumps({"created": 1763600000, "data": [item]}).encode())


LARGE = [noise(LARGE_BYTES + number) for number in range(4)]
LARGE_END = b'"}]}'
_SMALL, _LARGE = _painted(png()), [_painted(picture) for picture in LARGE]
_FAILED = _answer(503, b'{"error": {"message": "scripted 503", "type": "t", "param": null, "code": null}}')


class Painters(OwnThread):
    """The path says what is done: `/small/…`, `/large/…`, `/events/…`, `/fails/…`, `/cut/…`, `/stalls/…`."""

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r")[0])
        await reader.readexactly(length)
        what = head.split("/")[1]
        if what == "stalls":
            await reader.read(1)  # until the gateway leaves
            return False
        if what == "events":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for event in (PARTIAL, COMPLETED):
                writer.write(b"%x\r\n%b\r\n" % (len(event), event))
                await asyncio.sleep(0.02)
            writer.write(b"0\r\n\r\n")
        elif what == "cut":
            writer.write(_SMALL[:-20])
            return False
        else:
            writer.write({"fails": _FAILED, "large": random.choice(_LARGE)}.get(what, _SMALL))
        await writer.drain()
        return True
