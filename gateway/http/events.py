"""Server-sent events: those of a provider as they come, or one for each picture of a provider that has none."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

import orjson

from gateway.delivery.verify import Seen, look
from gateway.http.sliced import Part, Sliced
from gateway.images import ImageReply, ImageRequest, Picture
from gateway.transport import error_in
from gateway.wire import StreamBroken

EVENT_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)

_NAMES = {"generate": "image_generation", "edit": "image_edit", "vary": "image_edit"}
_COMPLETED = (b"image_generation.completed", b"image_edit.completed")
_DONE = b"[DONE]"
_NEAR = 256
"""Bytes from either end of an event in which its kind stands: pictures in the middle are large."""
_INCOMPLETE = "upstream_incomplete"


async def passed_on(
    events: AsyncIterator[bytes], request: ImageRequest, deadline: float
) -> AsyncGenerator[bytes, None]:
    """Yield a provider's events as they are; what breaks off before all pictures are there ends in an error event."""
    asked = request.params.get("n")
    missing = asked if type(asked) is int else 1
    problem = ("the provider's events ended before the picture was complete", _INCOMPLETE)
    try:
        while True:
            async with asyncio.timeout_at(deadline):  # not around the yield: what is cancelled there is the sender
                event = await anext(events, None)
            if event is None:
                break
            yield event
            if b'"error"' in event[:_NEAR] and error_in(event) is not None:
                missing = 0  # it has been said
                break
            missing -= any(last in event[:_NEAR] or last in event[-_NEAR:] for last in _COMPLETED)
            if _DONE in event[:_NEAR]:
                missing = 0
    except StreamBroken as broken:
        problem = broken.failure.message, broken.failure.code or _INCOMPLETE
    except TimeoutError:
        problem = "the request's deadline passed before the last event", "deadline_exceeded"
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()
    if missing > 0:
        yield _error(*problem)


async def synthesised(reply: ImageReply, request: ImageRequest) -> AsyncGenerator[bytes, None]:
    """Yield one completed event for each picture."""
    kind = f"{_NAMES[request.operation]}.completed"
    created = reply.created or int(time.time())  # noqa: TID251 - wall time is the field
    for index, picture in enumerate(reply.pictures):
        about: dict[str, Any] = {"type": kind, "created_at": created, **_described(picture), **reply.about}
        if index:
            about["usage"] = None  # it is that of the whole request
        start = b"event: %b\ndata: %b" % (kind.encode(), orjson.dumps(about)[:-1])
        for piece in Sliced([start, *_content(picture), b"}\n\n"]).slices():
            yield piece


def _described(picture: Picture) -> dict[str, Any]:
    """Return what clients expect in every event: what the picture shows, and `auto` for what only its painter knows."""
    about: dict[str, Any] = {"size": "auto", "quality": "auto", "background": "auto", "usage": None}
    seen = look(picture)
    if isinstance(seen, Seen):
        if seen.width is not None:
            about["size"] = f"{seen.width}x{seen.height}"
        if seen.format is not None:
            about["output_format"] = seen.format
    return about


def _content(picture: Picture) -> Iterator[Part]:
    if picture.url is not None:
        yield b',"url":%b' % orjson.dumps(picture.url)
    base64 = picture.b64 or (picture if picture.data is not None else None)
    if base64 is not None:
        yield b',"b64_json":"'
        yield base64
        yield b'"'


def _error(message: str, code: str) -> bytes:
    error = {"message": message[:1].upper() + message[1:] + ".", "type": "upstream_error", "param": None, "code": code}
    return b"event: error\ndata: %b\n\n" % orjson.dumps({"type": "error", "error": error})
