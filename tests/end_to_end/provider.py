"""A strict provider on a real socket, down to the bytes: the model's name says how it fails, `seen` and `billed` judge.

Models are words with colons: `good`, `slow:0.5`, `silent`, `reset`, `closed`, `cut:chunked:100`, `status:429:2` …
Everything that reads like work done is billed, whether or not its answer arrives.
"""

import asyncio
import base64
import contextlib
import gzip
import io
import json
import socket
import struct
import time
from dataclasses import dataclass, field

from PIL import Image

from tests.own_thread import OwnThread

KEY = "test-provider-key-not-real"

_NOT_BILLED = frozenset({"status", "once", "redirect", "refused"})


def png(width=64, height=64):
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (20, 90, 160)).save(buffer, "PNG")
    return buffer.getvalue()


def answer(picture=None, **more):
    """Return a body with one picture."""
    item = {"b64_json": base64.b64encode(png() if picture is None else picture).decode()}
    return json.dumps({"created": 1763600000, "data": [item], **more}).encode()


GOOD = answer()


@dataclass
class Seen:
    """One request that arrived whole."""

    at: float
    connection: int
    path: str
    headers: dict[str, str]
    json: dict
    left_at: float | None = None
    """When the gateway closed the connection before the answer was out."""
    answered: bool = False

    @property
    def model(self):
        return self.json.get("model")

    @property
    def key(self):
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass
class Provider(OwnThread):
    """Runs in a thread of its own; any key is accepted unless `key` says which one is."""

    key: str | None = None
    redirects_to: str = ""
    seen: list[Seen] = field(default_factory=list)
    connects: int = 0
    billed: int = 0
    _failed_once: set[str] = field(default_factory=set)

    @property
    def models(self):
        return [request.model for request in self.seen]

    def forget(self):
        self.seen.clear()
        self.connects = self.billed = 0
        self._failed_once.clear()

    def wait_for(self, count, seconds=5.0):
        """Return the requests as soon as there are so many."""
        return within(seconds, lambda: len(self.seen) >= count) and list(self.seen)

    async def _line(self, reader, writer):
        self.connects += 1
        line = _Line(self, self.connects, reader, writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await line.request():
                    pass
        finally:
            writer.close()


class _Line:
    """One connection of the gateway."""

    def __init__(self, provider, number, reader, writer):
        self.provider, self.number, self.reader, self.writer = provider, number, reader, writer
        self.count = 0
        self.next = b""

    async def request(self):
        """Answer one request; return whether the connection stays open."""
        try:
            head = self.next or await self.reader.readexactly(1)
            if head != b"P":  # TLS, for one
                return False
            head += await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        self.next = b""
        first, *lines = head.decode().strip().split("\r\n")
        headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}
        body = json.loads(await self.reader.readexactly(int(headers["content-length"])))
        method, path, version = first.split(" ")
        assert (method, version) == ("POST", "HTTP/1.1")
        seen = Seen(time.monotonic(), self.number, path, headers, body)
        self.count += 1
        words = str(body.get("model", "good")).split(":")
        provider = self.provider
        provider.seen.append(seen)
        if provider.key is not None and seen.key != provider.key:
            await self.send(401, _error("invalid_api_key", "Incorrect API key provided"))
            return True
        if words[0] not in _NOT_BILLED:
            provider.billed += 1
        fault = getattr(self, "_" + words[0].replace("-", "_"), self._good)
        going_on = await fault(seen, *words[1:])
        seen.answered = True
        return going_on is not False

    async def send(self, status, body, *lines, length=True):
        start = [f"HTTP/1.1 {status} X", "Content-Type: application/json", *lines]
        if length:
            start.append(f"Content-Length: {len(body)}")
        self.writer.write("\r\n".join([*start, "", ""]).encode("latin-1") + body)
        await self.writer.drain()

    async def watched(self, seen, seconds):
        """Wait, and note when the gateway leaves meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                self.next = await self.reader.read(1)
        except TimeoutError:
            return
        except ConnectionError:
            self.next = b""
        if not self.next:
            seen.left_at = time.monotonic()
            raise ConnectionError

    # --- answers ---

    async def _good(self, seen, *_):
        await self.send(200, GOOD)

    async def _sized(self, seen, width, height):
        await self.send(200, answer(png(int(width), int(height))))

    async def _slow(self, seen, seconds):
        await self.watched(seen, float(seconds))
        await self.send(200, GOOD)

    async def _interim(self, seen, *statuses):
        for status in statuses:
            self.writer.write(f"HTTP/1.1 {status} Interim\r\nLink: </style.css>\r\n\r\n".encode())
            await self.writer.drain()
            await asyncio.sleep(0.02)
        await self.send(200, GOOD)

    async def _close_delimited(self, seen):
        await self.send(200, GOOD, "Connection: close", length=False)
        return False

    async def _chunked(self, seen):
        await self.send(200, b"", "Transfer-Encoding: chunked", length=False)
        for at in range(0, len(GOOD), 100):
            part = GOOD[at : at + 100]
            self.writer.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def _hangs_up_later(self, seen, seconds="0.05"):
        await self.send(200, GOOD)
        await asyncio.sleep(float(seconds))
        return False

    async def _two_answers(self, seen, seconds="0"):
        """Send another answer that nobody asked for, for whoever comes next on this connection."""
        extra = answer(poison=True)
        late = f"HTTP/1.1 200 OK\r\nContent-Length: {len(extra)}\r\n\r\n".encode() + extra
        if float(seconds):
            await self.send(200, GOOD)
            await asyncio.sleep(float(seconds))
            self.writer.write(late)
        else:
            self.writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD + late)
        await self.writer.drain()

    # --- refusals ---

    async def _status(self, seen, status, *retry_after):
        lines = [f"Retry-After: {':'.join(retry_after)}"] if retry_after else []
        await self.send(int(status), _error(None, f"scripted {status}"), *lines)

    async def _status_ms(self, seen, status, milliseconds):
        await self.send(int(status), _error(None, f"scripted {status}"), f"retry-after-ms: {milliseconds}")

    async def _once(self, seen, status, *retry_after):
        """Fail the first time that a prompt comes, answer the second."""
        if seen.json["prompt"] in self.provider._failed_once:
            self.provider.billed += 1
            await self._good(seen)
        else:
            self.provider._failed_once.add(seen.json["prompt"])
            await self._status(seen, status, *retry_after)

    async def _refused(self, seen):
        await self.send(400, _error("moderation_blocked", "refused"))

    async def _redirect(self, seen, status="307"):
        await self.send(int(status), b"", f"Location: {self.provider.redirects_to}/images/generations")

    async def _echoes_key(self, seen, status="401"):
        """Quote the credential in an error, as some providers do."""
        key = seen.key or seen.headers["api-key"]
        await self.send(int(status), _error(key, f"The key {key} may not do this; Bearer {key} neither", param=key))

    # --- faults after the request was sent ---

    async def _silent(self, seen):
        await self.watched(seen, 60)

    async def _reset(self, seen):
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        return False

    async def _closed(self, seen):
        return False

    async def _stale(self, seen):
        """Answer the first request of a connection, and hang up when the second one is here."""
        if self.count > 1:
            return False
        await self.send(200, GOOD)
        return True

    async def _cut(self, seen, framing, position, picture=""):
        body = GOOD
        position = int(position)
        if framing == "length":
            await self.send(200, body[:position], f"Content-Length: {len(body)}", length=False)
        elif framing == "chunked":
            await self.send(200, b"", "Transfer-Encoding: chunked", length=False)
            self.writer.write(b"%x\r\n%b" % (len(body), body[:position]))
        elif framing == "between":
            await self.send(200, b"", "Transfer-Encoding: chunked", length=False)
            self.writer.write(b"%x\r\n%b\r\n" % (position, body[:position]) if position else b"")
        elif framing == "head":
            self.writer.write((b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))[:position])
        else:
            await self.send(200, body[:position], "Connection: close", length=False)
        await self.writer.drain()
        return False

    async def _stalls(self, seen, position):
        await self.send(200, GOOD[: int(position)], f"Content-Length: {len(GOOD)}", length=False)
        await self.watched(seen, 60)

    async def _dribble(self, seen, seconds):
        await self.send(200, b"", f"Content-Length: {len(GOOD)}", length=False)
        for byte in GOOD:
            self.writer.write(bytes([byte]))
            await self.watched(seen, float(seconds))

    async def _gzip(self, seen):
        await self.send(200, gzip.compress(GOOD), "Content-Encoding: gzip")

    async def _large(self, seen, framing, size):
        pad = b'{"created":1,"data":[{"b64_json":"' + b"A" * int(size)
        if framing == "length":
            await self.send(200, pad)
            return None
        chunked = framing == "chunked"
        await self.send(200, b"", "Transfer-Encoding: chunked" if chunked else "Connection: close", length=False)
        for at in range(0, len(pad), 1 << 16):
            part = pad[at : at + (1 << 16)]
            self.writer.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            await self.writer.drain()
        self.writer.write(b"0\r\n\r\n" if chunked else b"")
        await self.writer.drain()
        return chunked

    async def _says(self, seen, what):
        """Answer 200 with something that is no picture."""
        await self.send(200, SAYINGS[what])

    async def _raw(self, seen, what):
        """Answer with bytes that are not HTTP as it should be, and wait for what that leads to."""
        self.writer.write(RAW[what])
        await self.writer.drain()
        await self.watched(seen, 60)


def _error(code, message, param=None):
    return json.dumps({"error": {"message": message, "type": "t", "param": param, "code": code}}).encode()


SAYINGS = {
    "html": b"<html><body>Bad gateway</body></html>",
    "nothing": b"",
    "null": b"null",
    "list": b"[]",
    "number": b"17",
    "text": b'"a picture"',
    "empty object": b"{}",
    "no data": b'{"created": 1, "data": []}',
    "null data": b'{"created": 1, "data": null}',
    "null picture": b'{"created": 1, "data": [{"b64_json": null}]}',
    "empty picture": b'{"created": 1, "data": [{"b64_json": ""}]}',
    "no base64": b'{"created": 1, "data": [{"b64_json": "!!!!"}]}',
    "broken picture": answer(png()[:-20]),
    "html picture": answer(b"<html>sorry</html>"),
    "huge picture": answer(png()[:16] + struct.pack(">II", 13000, 13000) + png()[24:]),
    "bad link": b'{"created": 1, "data": [{"url": "javascript:alert(1)"}]}',
    "deep": b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "not UTF-8": b'{"created": 1, "data": [{"b64_json": "\xff\xfe"}]}',
    "error in a 200": _error(None, "the model is warming up"),
}
RAW = {
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    "endless header": b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 200_000 + b"\r\n\r\n",
    "odd header": b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello",
}


def within(seconds, true):
    """Return whether something becomes true in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
