"""Reading a request's body within its limits of bytes and time, and noticing that the client has left."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.types import Message, Receive

from gateway.errors import BodyTimeout, BodyTooLarge
from strategies import Alarm, Until

GRACE_SECONDS = 10.0
BYTES_PER_SECOND = 16 * 1024.0

_WATCH_AFTER_SECONDS = 0.25
"""A caller that leaves is noticed after this long: short requests need no watcher, long ones cannot afford none."""

_AHEAD_BYTES = 256 * 1024

_Result = TypeVar("_Result")

# The rest of the body is not read, so what follows on the connection would not be a request.
_CLOSE = {"connection": "close"}


class ClientGone(Exception):
    """The client left before its request was complete: nobody waits for an answer."""


class Ahead:
    """What comes of a body before its turn: listened to, so that a client is seen to leave, and kept."""

    def __init__(self, receive: Receive) -> None:
        """Listen to `receive`."""
        self._receive = receive
        self._kept: deque[Message] = deque()
        self._size = 0

    async def listen(self) -> Message:
        """Return the next message, and keep it; of a large body, only as much as may wait."""
        if self._size > _AHEAD_BYTES:
            await asyncio.Future()  # until the wait is over
        message = await self._receive()
        self._kept.append(message)
        self._size += len(message.get("body", b""))
        return message

    async def receive(self) -> Message:
        """Return the messages from the first one on."""
        return self._kept.popleft() if self._kept else await self._receive()


async def read_body(
    receive: Receive,
    *,
    limit: int,
    declared: int | None = None,
    grace_seconds: float = GRACE_SECONDS,
    bytes_per_second: float = BYTES_PER_SECOND,
) -> bytes:
    """Return a body of at most `limit` bytes that, after the grace, came at the given average speed or faster."""
    if declared is not None and declared > limit:
        raise _too_large(limit)
    loop = asyncio.get_running_loop()
    started = loop.time()
    chunks: list[bytes] = []
    size = 0
    with Until(started + grace_seconds, loop) as limit_of_time:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return chunk if len(chunks) == 1 else b"".join(chunks)
            limit_of_time.move(started + max(grace_seconds, size / bytes_per_second))
    raise _too_slow(grace_seconds, bytes_per_second)


async def pour_body(
    receive: Receive,
    into: Callable[[bytes], Awaitable[None]],
    *,
    limit: int,
    declared: int | None = None,
    grace_seconds: float = GRACE_SECONDS,
    bytes_per_second: float = BYTES_PER_SECOND,
) -> None:
    """Hand on a body piece by piece, under the same limits of bytes and time."""
    if declared is not None and declared > limit:
        raise _too_large(limit)
    time_of = asyncio.get_running_loop().time
    spent = 0.0  # only waiting for the client counts, not what becomes of the pieces
    size, more = 0, True
    while more:
        allowed = max(grace_seconds, size / bytes_per_second) - spent
        asked = time_of()
        with Until(asked + max(allowed, 0)) as patience:
            message = await receive()
        if patience.expired:
            raise _too_slow(grace_seconds, bytes_per_second)
        spent += time_of() - asked
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        if piece:
            await into(piece)
        more = message.get("more_body", False)


async def until_gone(receive: Receive) -> None:
    """Return when the client has left; what it still sends is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def unless_gone(running: Awaitable[_Result], receive: Receive) -> _Result:
    """Return the result; where the client leaves first the work is cancelled, and `ClientGone` raised."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task(loop)
    assert task is not None  # an ASGI server runs applications in tasks  # noqa: S101
    gone = False
    watcher: asyncio.Task[None] | None = None

    async def watch() -> None:
        nonlocal gone
        await until_gone(receive)
        gone = True
        task.cancel()

    def begin() -> None:
        nonlocal watcher
        watcher = asyncio.ensure_future(watch())

    alarm = Alarm(loop.time() + _WATCH_AFTER_SECONDS, begin, loop)
    try:
        return await running
    except asyncio.CancelledError:
        if not gone or task.uncancel():
            raise
        raise ClientGone from None
    finally:
        alarm.cancel()
        if watcher is not None:
            watcher.cancel()


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body of this request may take {limit} bytes: send a smaller one.", headers=_CLOSE)


def _too_slow(grace_seconds: float, bytes_per_second: float) -> BodyTimeout:
    return BodyTimeout(
        f"The body came too slowly: after {grace_seconds:g} s {bytes_per_second / 1024:g} KiB/s are expected.",
        headers=_CLOSE,
    )
