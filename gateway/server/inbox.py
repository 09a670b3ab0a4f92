"""What the application has not received yet of one request."""

import asyncio
from typing import Any

_HIGH_WATER = 256 * 1024


class Inbox:
    """Holds the arrived part of a body; one reader waits on it, and the writer never does.

    Chunks that wait are handed over in one piece, so a body sent byte by byte costs its bytes and not a message each.
    """

    __slots__ = ("_chunks", "_ended", "_gone", "_size", "_transport", "_waiter")

    def __init__(self, transport: asyncio.Transport) -> None:
        """Begin empty; `transport` is paused while too much waits."""
        self._transport = transport
        self._chunks: list[bytes] = []
        self._size = 0
        self._ended = False
        self._gone = False
        self._waiter: asyncio.Future[None] | None = None

    def feed(self, data: bytes) -> None:
        """Add a part of the body."""
        if self._gone:
            return
        self._chunks.append(data)
        self._size += len(data)
        if self._size > _HIGH_WATER:
            self._transport.pause_reading()
        self._wake()

    def end(self) -> None:
        """Note that the body is complete."""
        self._chunks.append(b"")
        self._ended = True
        self._wake()

    def close(self) -> None:
        """Note that nothing follows: the answer is out, or the client has left."""
        self._gone = True
        self._drop_pause()
        self._wake()

    async def receive(self) -> dict[str, Any]:
        """Return the next ASGI message."""
        while not self._chunks and not self._gone:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if not self._chunks:
            return {"type": "http.disconnect"}
        chunks = self._chunks
        self._chunks = []
        self._drop_pause()
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        return {"type": "http.request", "body": body, "more_body": not self._ended}

    def _drop_pause(self) -> None:
        if self._size > _HIGH_WATER and not self._transport.is_closing():
            self._transport.resume_reading()
        self._size = 0

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
