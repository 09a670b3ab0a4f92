"""A client that sends exactly the bytes it is told to, and a server to send them to."""

import asyncio
import contextlib
import json
from dataclasses import dataclass

from gateway.server.serving import Drain, serve


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self):
        return json.loads(self.body)["error"]["code"]


class Raw:
    """One connection."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    async def send(self, *segments, gap=0.001):
        for number, segment in enumerate(segments):
            if number:
                await asyncio.sleep(gap)
            self.writer.write(segment)
            await self.writer.drain()

    async def answer(self, method="GET"):
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            body = b""
            if headers.get("transfer-encoding") == "chunked":
                while size := int((await self.reader.readline()), 16):
                    body += await self.reader.readexactly(size)
                    await self.reader.readexactly(2)
                await self.reader.readexactly(2)
            elif method != "HEAD":
                body = await self.reader.readexactly(int(headers.get("content-length", 0)))
            return Answer(int(first.split()[1]), headers, body)

    async def closed(self, seconds=5.0):
        """Return whether the server closes the connection in time, with nothing left to read."""
        try:
            async with asyncio.timeout(seconds):
                return await self.reader.read() == b""
        except TimeoutError:
            return False
        except ConnectionResetError:
            return True

    def close(self):
        self.writer.close()


@contextlib.asynccontextmanager
async def connect(port):
    raw = Raw(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield raw
    finally:
        raw.close()
        with contextlib.suppress(OSError):
            await raw.writer.wait_closed()


class Serving:
    """A server of the test's own process."""

    def __init__(self):
        self.port = 0
        self.stop = asyncio.Event()
        self.drain = Drain(seconds=5, grace=0, hurried=0.2)
        self.task = None

    async def stopped(self):
        self.stop.set()
        await self.task


@contextlib.asynccontextmanager
async def serving(app, *, patience=None, drain=None):
    it = Serving()
    it.drain = drain or it.drain
    bound = asyncio.Event()

    def on_bound(port):
        it.port = port
        bound.set()

    it.task = asyncio.create_task(
        serve(app, host="127.0.0.1", port=0, stop=it.stop, on_bound=on_bound, drain=it.drain, patience=patience)
    )
    waiting = asyncio.create_task(bound.wait())
    await asyncio.wait({waiting, it.task}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if it.task.done():
        it.task.result()
    try:
        yield it
    finally:
        await it.stopped()


async def lifespan(receive, send):
    """Answer what a server asks of any application."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def app_of(handle):
    """Return an application that answers requests by `handle`."""

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
        else:
            await handle(scope, receive, send)

    return app


async def reply(send, body=b"{}", status=200):
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def request(target=b"/v1/models", *lines, method=b"GET", host=b"gateway.test", body=b"", version=b"1.1"):
    """Return a request's bytes; `host=None` leaves the header out."""
    start = [b"%s %s HTTP/%s" % (method, target, version)]
    if host is not None:
        start.append(b"Host: " + host)
    if body:
        start.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*start, *lines, b"", body])


def pieces(data, count):
    """Split bytes into that many segments."""
    step = -(-len(data) // count)
    return [data[at : at + step] for at in range(0, len(data), step)]
