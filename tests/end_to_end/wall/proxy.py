"""A line that misbehaves: a TCP proxy with latency, little bandwidth, slices, black holes, resets and cuts."""

import asyncio
import contextlib
import random
import socket
import struct
from dataclasses import dataclass

from tests.own_thread import OwnThread

_NOW = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Toxics:
    """What is wrong with one direction; a limit counts the bytes of one connection that still pass."""

    latency: float = 0.0
    jitter: float = 0.0
    bandwidth: int | None = None
    """Bytes a second."""
    slice: int | None = None
    """Bytes that travel together."""
    pause: float = 0.0
    """Seconds between slices."""
    cut_after: int | None = None
    """Hang up, as if all had been said."""
    reset_after: int | None = None
    """Hang up with a reset, and lose what is on its way."""
    black_hole_after: int | None = None
    """Swallow the rest, and stay."""

    @property
    def narrow(self):
        """Bytes that pass in a twentieth of a second, where bandwidth is small."""
        return self.bandwidth and max(1, int(self.bandwidth / 20))

    @property
    def limit(self):
        """Bytes that pass, and what happens then."""
        limits = {"cut": self.cut_after, "reset": self.reset_after, "hole": self.black_hole_after}
        return min(((most, end) for end, most in limits.items() if most is not None), default=(None, ""))


SOUND = Toxics()


class Proxy(OwnThread):
    """Stands before a port, in a thread of its own; `lines` is how many connections are open."""

    def __init__(self, port, *, up=SOUND, down=SOUND, seed=7):
        self.behind, self.up, self.down = port, up, down
        self.lines = self.accepted = 0
        self._chance = random.Random(seed)
        self._open = set()

    def reset_all(self):
        """Reset every connection on both sides, now."""
        self._loop.call_soon_threadsafe(self._reset_all)

    def _reset_all(self):
        for writer in self._open:
            _reset(writer)

    async def _line(self, reader, writer):
        self.accepted += 1
        self.lines += 1
        ends = {writer}
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                behind, onward = await asyncio.open_connection("127.0.0.1", self.behind)
                ends.add(onward)
                self._open |= ends
                pumps = [
                    asyncio.create_task(self._pump(reader, onward, self.up, ends)),
                    asyncio.create_task(self._pump(behind, writer, self.down, ends)),
                ]
                # Whoever hangs up ends both directions: HTTP knows no half of a connection.
                done, rest = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for task in rest:
                    task.cancel()
                await asyncio.gather(*done, *rest, return_exceptions=True)
        finally:
            self.lines -= 1
            self._open -= ends
            for each in ends:
                each.close()

    async def _pump(self, reader, writer, toxics, ends):
        """Pass bytes on until the direction ends, by its source or by its limit."""
        most, end = toxics.limit
        passed = 0
        while data := await reader.read(1 << 16):
            if toxics.latency or toxics.jitter:
                await asyncio.sleep(max(0.0, toxics.latency + self._chance.uniform(-1, 1) * toxics.jitter))
            step = toxics.slice or toxics.narrow or len(data)
            for at in range(0, len(data), step):
                piece = data[at : at + step]
                left = len(piece) if most is None else min(len(piece), most - passed)
                if toxics.bandwidth:
                    await asyncio.sleep(left / toxics.bandwidth)
                if left:
                    writer.write(piece[:left])
                    await writer.drain()
                    passed += left
                if passed == most:
                    await self._end(end, reader, ends)
                    return
                if toxics.slice:
                    await asyncio.sleep(toxics.pause)

    async def _end(self, how, reader, ends):
        if how == "hole":
            while await reader.read(1 << 16):
                pass
            await asyncio.Event().wait()  # the other side has to notice by itself
        elif how == "reset":
            for writer in ends:
                _reset(writer)


def _reset(writer):
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOW)
    writer.transport.abort()
