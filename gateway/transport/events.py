"""Server-sent events as they come from a provider: whole ones, handed on one by one."""

import re
from collections.abc import AsyncIterator

import orjson
from aiohttp.streams import StreamReader

from gateway.images import Room
from gateway.transport.budget import UNCOUNTED

_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_DATA = b"data:"
_STARTS_DATA = re.compile(rb"(?:\A|[\r\n])data:")
_DONE = b"[DONE]"


class TooLarge(Exception):
    """One event is larger than an answer may be."""


async def events_in(payload: StreamReader, *, largest: int, room: Room | None = None) -> AsyncIterator[bytes]:
    """Yield each event with the empty line that ends it; comments and keep-alives between them are left out.

    A large event takes `room` from when it turns out to be one until it is handed on.
    """
    waiting = bytearray()
    searched = taken = 0
    while not payload.at_eof():
        chunk, _ = await payload.readchunk()
        waiting += chunk
        while (end := _end_in(waiting, searched)) is not None:
            with memoryview(waiting) as view:
                event = bytes(view[:end])
            del waiting[:end]
            searched = 0
            if room is not None and taken:
                room.give(taken - len(event))
                taken = len(event)
            if _STARTS_DATA.search(event):
                yield event
            if room is not None and taken:
                room.give(taken)
                taken = 0
        searched = max(len(waiting) - 3, 0)
        if len(waiting) > largest:
            raise TooLarge
        if room is not None and not taken and len(waiting) > UNCOUNTED:
            # Nobody knows how much will come: the most there may be, until the rest is known.
            await room.take(largest)
            taken = largest
    if _is_whole(bytes(waiting)):  # an end without its empty line
        yield bytes(waiting) + b"\n\n"


def _is_whole(event: bytes) -> bool:
    """Whether an event that nothing ends has all it was to say: a connection may have broken off in its middle."""
    data = data_of(event)
    if data is None or data == _DONE:
        return data is not None
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


def data_of(event: bytes) -> bytes | None:
    """Return what an event carries, or `None` where it carries nothing."""
    lines = [line[len(_DATA) :].strip() for line in event.splitlines() if line.startswith(_DATA)]
    return b"\n".join(lines) if lines else None


def error_in(event: bytes) -> bytes | None:
    """Return the error that an event is, as the body of an answer, or `None`."""
    data = data_of(event)
    if data is None or data == _DONE or b'"error"' not in data[:4096]:
        return None
    try:
        decoded = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    match decoded:
        case {"error": dict() | str() as error} if error:
            return orjson.dumps({"error": error})
        case {"type": "error", **rest}:
            return orjson.dumps({"error": rest})
    return None


def _end_in(text: bytearray, start: int) -> int | None:
    found = [(place + len(end)) for end in _ENDS if (place := text.find(end, start)) >= 0]
    return min(found, default=None)
