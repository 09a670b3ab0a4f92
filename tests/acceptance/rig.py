"""What the acceptance cases share: a provider that can be down, raw bytes on a line, clients that take their time."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.end_to_end.caller import ROUTE, line_to
from tests.end_to_end.provider import GOOD, answer, within
from tests.end_to_end.studio import noise
from tests.own_thread import OwnThread

MIB = 1 << 20
_ESTABLISHED, _CLOSE_WAIT = "01", "08"


@dataclass
class Moody(OwnThread):
    """A provider that is well, down or silent, as it is told; the key says who asks."""

    mood: str = "well"
    asked: list[tuple[str, float]] = field(default_factory=list)
    """Key → when, for each request that came whole."""
    billed: int = 0
    seconds: float = 0.0
    """How long it paints."""
    body: bytes = GOOD

    def times(self, key):
        return [at for asker, at in self.asked if asker == key]

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        assert first == "POST /v1/images/generations HTTP/1.1"
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        assert isinstance(json.loads(await reader.readexactly(int(headers["content-length"])))["prompt"], str)
        self.asked.append((headers["authorization"].removeprefix("Bearer "), time.monotonic()))
        if self.mood == "silent":
            return bool(await reader.read(1))
        if self.mood == "down":
            writer.write(b"HTTP/1.1 500 X\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}")
        else:
            self.billed += 1
            await asyncio.sleep(self.seconds)
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: application/json\r\n\r\n" % len(self.body)
            writer.write(head + self.body)
        await writer.drain()
        return True

    def target(self, key, **more):
        return {"provider": "openai", "api_key": key, "custom_host": self.url, **more}


@dataclass
class Heard:
    """What came back over a raw line."""

    status: int | None
    body: bytes
    seconds: float
    closed: bool
    """By the gateway, in the time that was given."""

    @property
    def code(self):
        return json.loads(self.body)["error"]["code"]


def tell(gateway, *segments, gap=0.0, seconds=5.0):
    """Send bytes as they are, and return what comes until the gateway closes the line, or the time is over."""
    started, got = time.monotonic(), b""
    with line_to(gateway) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):
            for segment in segments:
                line.sendall(segment)
                time.sleep(gap)
        line.settimeout(seconds)
        closed = False
        try:
            while part := line.recv(1 << 16):
                got += part
            closed = True
        except ConnectionError:
            closed = True
        except TimeoutError:
            pass
    head, _, body = got.partition(b"\r\n\r\n")
    return Heard(int(head.split()[1]) if head else None, body, time.monotonic() - started, closed)


def post(*lines, path=ROUTE, body=b"", host="gateway.test"):
    """Return a request's bytes, with exactly these headers beside its host."""
    return "\r\n".join([f"POST {path} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode() + body


def dribbled(gateway, start, byte, most):
    """Send one byte a second behind a start; return what came back, and after how long."""
    began = time.monotonic()
    got = b""
    with line_to(gateway) as line:
        line.sendall(start)
        line.settimeout(1.0)
        while time.monotonic() - began < most:
            try:
                part = line.recv(1 << 16)
            except TimeoutError:
                with contextlib.suppress(ConnectionError):
                    line.sendall(byte)
                continue
            except ConnectionError:
                break
            if not part:
                break
            got += part
    head, _, body = got.partition(b"\r\n\r\n")
    return Heard(int(head.split()[1]) if head else None, body, time.monotonic() - began, closed=True)


def unread(gateway, request, most):
    """Send a request and read nothing; return how long it takes until the gateway hangs up."""
    began = time.monotonic()
    with line_to(gateway) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
        line.sendall(request)
        own = line.getsockname()[1]
        assert within(10, lambda: _is_open(gateway, own))
        while _is_open(gateway, own) and time.monotonic() - began < most:
            time.sleep(0.25)
        return time.monotonic() - began


def _is_open(gateway, port):
    """Whether the gateway's end of a connection from this port is there still, as the system has it."""
    local = f"{int(gateway.url.rpartition(':')[2]):04X}"
    rows = [line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = [state for here, there, state in rows if here.endswith(f":{local}") and there.endswith(f":{port:04X}")]
    return bool({_ESTABLISHED, _CLOSE_WAIT} & set(ours))


def large_answer(size=50 * 10**6):
    return answer(noise(size * 3 // 4, kind=b"teSt")[:-12] + noise(200, kind=b"IDAT")[33:])


class Meanwhile(threading.Thread):
    """Does something slow beside the other tests; `result()` waits for what came of it."""

    def __init__(self, work, *args, **named):
        super().__init__(daemon=True)
        self._work, self._args, self._named = work, args, named
        self._result = self._error = None
        self.start()

    def run(self):
        try:
            self._result = self._work(*self._args, **self._named)
        except BaseException as error:  # noqa: BLE001 - told where the result is asked for
            self._error = error

    def result(self, seconds=60):
        self.join(seconds)
        assert not self.is_alive(), "it takes too long"
        if self._error is not None:
            raise self._error
        return self._result
