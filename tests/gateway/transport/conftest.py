"""A provider on a real socket that does to its connections whatever a test wants."""

import asyncio
import contextlib
from dataclasses import dataclass, field

import pytest
from yarl import URL

from gateway.transport import Transport
from strategies import Try


def http(body=b'{"ok": true}', *, status=b"200 OK", headers=b"", length=None):
    """Return the bytes of a whole answer."""
    length = len(body) if length is None else length
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\n%s\r\n%s" % (status, length, headers, body)


@dataclass(eq=False)
class Provider:
    """Reads requests and plays one line of its script for each: bytes to write, `RESET`, or seconds to wait."""

    script: list = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    open: set = field(default_factory=set)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader, writer):
        self.connections += 1
        self.open.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                self.requests.append(head + await reader.readexactly(size))
                if not await self._play(writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    async def _play(self, writer):
        for step in self.script.pop(0):
            if step is RESET:
                writer.transport.abort()
                return False
            if step is CLOSE:
                return False
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            else:
                await asyncio.sleep(step)
        return True


RESET, CLOSE = object(), object()


@contextlib.asynccontextmanager
async def provider(*script):
    """Serve a script on a free port of 127.0.0.1."""
    made = Provider([step if isinstance(step, tuple) else (step,) for step in script])
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for writer in list(made.open):
            writer.transport.abort()
        await asyncio.sleep(0)


@dataclass
class Client:
    """A transport, and the attempts made through it."""

    transport: Transport
    attempt: Try | None = None

    async def __call__(self, url, *, method="POST", headers=None, body=b"{}", trusted=True):
        self.attempt = Try(target="config", started=0.0)
        return await self.transport.exchange(
            method,
            URL(str(url), encoded=True),
            headers={"content-type": "application/json"} if headers is None else headers,
            body=body,
            attempt=self.attempt,
            trusted=trusted,
        )


@contextlib.asynccontextmanager
async def client(*, max_response_bytes=1 << 20, trust_loopback=False):
    """Open a transport for a test."""
    transport = Transport(max_response_bytes=max_response_bytes, trust_loopback=trust_loopback)
    await transport.open()
    try:
        yield Client(transport)
    finally:
        await transport.close()


@pytest.fixture
async def ask():
    async with client() as made:
        yield made
