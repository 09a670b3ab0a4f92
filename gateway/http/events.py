"""Server-sent events: those of a provider as they come, or one for each picture of a provider that has none."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import orjson
import pybase64

from gateway.images import ImageReply, ImageRequest, Picture
from gateway.wire import StreamBroken

EVENT_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)

_NAMES = {"generate": "image_generation", "edit": "image_edit", "vary": "image_edit"}
_LAST = (b"image_generation.completed", b"image_edit.completed", b"[DONE]")


async def passed_on(events: AsyncIterator[bytes], deadline: float) -> AsyncGenerator[bytes, None]:
    """Yield a provider's events as they are; what breaks off ends in an event that says so."""
    complete = False
    try:
        while True:
            async with asyncio.timeout_at(deadline):  # not around the yield: what is cancelled there is the sender
                event = await anext(events, None)
            if event is None:
                break
            complete = complete or any(last in event[:256] or last in event[-256:] for last in _LAST)
            yield event
    except StreamBroken as broken:
        yield _error(broken.failure.message, broken.failure.code or "upstream_incomplete")
    except TimeoutError:
        yield _error("the request's deadline passed before the last event", "deadline_exceeded")
    else:
        if not complete:
            yield _error("the provider's events ended before the picture was complete", "upstream_incomplete")
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()


async def synthesised(reply: ImageReply, request: ImageRequest) -> AsyncGenerator[bytes, None]:
    """Yield one completed event for each picture."""
    kind = f"{_NAMES[request.operation]}.completed"
    created = reply.created or int(time.time())  # noqa: TID251 - wall time is the field
    for index, picture in enumerate(reply.pictures):
        about: dict[str, Any] = {"type": kind, "created_at": created, **reply.about}
        if index:
            about.pop("usage", None)  # it is that of the whole request
        yield b"event: %b\ndata: %b,%b}\n\n" % (kind.encode(), orjson.dumps(about)[:-1], _content(picture))


def _content(picture: Picture) -> bytes:
    parts = []
    if picture.url is not None:
        parts.append(b'"url":%b' % orjson.dumps(picture.url))
    if picture.b64 is not None:
        parts.append(b"".join((b'"b64_json":"', picture.b64, b'"')))
    elif picture.data is not None:
        parts.append(b'"b64_json":"%b"' % pybase64.b64encode(picture.data))
    return b",".join(parts)


def _error(message: str, code: str) -> bytes:
    error = {"message": message[:1].upper() + message[1:] + ".", "type": "upstream_error", "param": None, "code": code}
    return b"event: error\ndata: %b\n\n" % orjson.dumps({"type": "error", "error": error})
