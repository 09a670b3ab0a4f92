"""A strict server in OpenAI's format that takes pictures in, streams events and links to what it made.

The model's name says what happens, as in `provider.py`; `seen` holds what arrived, taken apart by another parser.
"""

import asyncio
import base64
import email.parser
import email.policy
import io
import json
import struct
import time
import zlib
from dataclasses import dataclass, field

from PIL import Image

from tests.end_to_end.provider import png
from tests.own_thread import OwnThread

_NAMES = {"image", "image[]", "mask", "prompt", "model", "n", "size", "quality", "user", "background", "seed"}
_NAMES |= {"output_format", "output_compression", "response_format", "input_fidelity", "stream", "partial_images"}


def noise(size, kind=b"IDAT"):
    """Return a PNG of so many bytes, as far as a look at it goes."""
    head = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
    end = _chunk(b"IEND", b"")
    return head + _chunk(kind, bytes(size - len(head) - len(end) - 12)) + end


def claims(width, height, size=20_000):
    """Return a PNG that says it is as large as that."""
    whole = noise(size)
    return whole[:16] + struct.pack(">II", width, height) + whole[24:]


def form(*parts, boundary="the-boundary"):
    """Return the body and the headers of a form; a part is (name, text) or (name, filename, bytes)."""
    pieces = []
    for name, *rest in parts:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
        if len(rest) > 1:
            head += f'; filename="{rest[0]}"\r\nContent-Type: application/octet-stream'
        content = rest[-1]
        pieces += [head.encode(), b"\r\n\r\n", content if isinstance(content, bytes) else content.encode(), b"\r\n"]
    body = b"".join(pieces) + f"--{boundary}--\r\n".encode()
    return body, {"content_type": f"multipart/form-data; boundary={boundary}"}


def event(kind, **more):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


PARTIAL = event("image_generation.partial_image", b64_json="QUJD", partial_image_index=0)
COMPLETED = event("image_generation.completed", b64_json=base64.b64encode(png()).decode(), usage={"total_tokens": 1})


@dataclass
class Order:
    """One request that arrived whole."""

    path: str
    headers: dict
    fields: dict
    files: list
    """(name, filename, type, bytes)"""
    left_at: float | None = None

    @property
    def model(self):
        return self.fields.get("model", "good")


@dataclass
class Studio(OwnThread):
    """Runs in a thread of its own."""

    seen: list[Order] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)
    """What is under `/pictures/NAME`."""
    reads: bool = True
    """Whether requests are taken apart."""
    elsewhere: str = ""
    """Where `/pictures/redirect` leads, and the model `links-to`."""

    def forget(self):
        self.seen.clear()
        self.fetched.clear()
        self.reads = True
        self.pictures = {"good.png": png(), "page.png": b"<html>sorry</html>"}

    @property
    def site(self):
        return f"http://127.0.0.1:{self.port}"

    def target(self, model="good", **more):
        # No breaker, so that no test finds what another one taught the gateway of a target.
        patience = {"failure_threshold": 1_000_000}
        known = {"provider": "openai-compatible", "custom_host": self.url, "cb_config": patience}
        return {**known, **({} if model is None else {"override_params": {"model": model}}), **more}

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if method == "GET":
            return await self._picture(path, headers, writer)
        order = _order(path, headers, body) if self.reads else Order(path, headers, {}, [])
        self.seen.append(order)
        strange = order.fields.keys() - _NAMES if order.files else ()
        if strange:
            return await _send(writer, 400, _error(f"Unknown parameter: {sorted(strange)}"))
        word, *words = str(order.model).split(":")
        return await getattr(self, f"_{word.replace('-', '_')}")(order, reader, writer, *words) is not False

    async def _picture(self, path, headers, writer):
        self.fetched.append(path)
        name = path.rpartition("/")[2].partition("?")[0]
        if "authorization" in headers:
            return await _send(writer, 500, b"a credential came along")
        if name == "redirect":
            return await _send(writer, 302, b"", f"Location: {self.elsewhere}")
        if name == "silent":
            await asyncio.sleep(60)
        if name not in self.pictures:
            return await _send(writer, 404, b"gone")
        return await _send(writer, 200, self.pictures[name], kind="image/png")

    # --- what models do ---

    async def _good(self, order, reader, writer, *_):
        await _send(writer, 200, _answer(base64.b64encode(png()).decode()))

    async def _bytes(self, order, reader, writer, size):
        await _send(writer, 200, _answer(base64.b64encode(noise(int(size))).decode()))

    async def _garbled(self, order, reader, writer):
        text = base64.b64encode(noise(600_000)).decode()
        await _send(writer, 200, _answer(f"{text[:400_001]}!{text[400_002:]}"))

    async def _status(self, order, reader, writer, status):
        await _send(writer, int(status), _error(f"scripted {status}"))

    async def _slow(self, order, reader, writer, seconds):
        await _watched(order, reader, float(seconds))
        await self._good(order, reader, writer)

    async def _links(self, order, reader, writer, *names):
        data = [{"url": f"{self.site}/pictures/{name}?token=not-real"} for name in names]
        await _send(writer, 200, json.dumps({"created": 1763600000, "data": data}).encode())

    async def _links_to(self, order, reader, writer):
        await _send(writer, 200, json.dumps({"created": 1763600000, "data": [{"url": self.elsewhere}]}).encode())

    async def _events(self, order, reader, writer, *steps):
        """Send what the steps say: p(artial), c(ompleted), d(one), e(rror), large, a pause, `cut` or `hang`."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n")
        writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
        for step in steps:
            if step == "cut":
                return False
            if step in SAID or step.startswith("large"):
                data = SAID.get(step) or event("image_generation.partial_image", b64_json="A" * int(step[5:]))
                writer.write(b"%x\r\n%b\r\n" % (len(data), data))
                await writer.drain()
            else:
                await _watched(order, reader, 60 if step == "hang" else float(step))
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


SAID = {
    "p": PARTIAL,
    "c": COMPLETED,
    "d": b"data: [DONE]\n\n",
    "e": event("error", error={"message": "scripted", "code": "server_error", "type": "server_error"}),
    "crlf": COMPLETED.replace(b"\n", b"\r\n"),
    "comment": b": keep-alive\n\n",
    "half": PARTIAL[:40],
    "rest": PARTIAL[40:],
    "unended": COMPLETED.rstrip(b"\n"),
}


async def _watched(order, reader, seconds):
    """Wait, and note when the gateway leaves meanwhile."""
    try:
        async with asyncio.timeout(seconds):
            await reader.read(1)
    except TimeoutError:
        return
    except ConnectionError:
        pass
    order.left_at = time.monotonic()
    raise ConnectionError


async def _send(writer, status, body, *lines, kind="application/json"):
    start = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *lines]
    writer.write("\r\n".join([*start, "", ""]).encode() + body)
    await writer.drain()
    return True


def _order(path, headers, body):
    kind = headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return Order(path, headers, json.loads(body), [])
    fields, files = {}, []
    text = b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(text)
    assert message.is_multipart()
    for part in message.iter_parts():
        assert not part.defects
        name, filename = (part.get_param(each, header="content-disposition") for each in ("name", "filename"))
        content = part.get_payload(decode=True)
        if filename is None:
            assert name not in fields, "a field came twice"
            fields[name] = content.decode()
        else:
            files.append((name, filename, part.get_content_type(), content))
    return Order(path, headers, fields, files)


def _answer(base64_text):
    return json.dumps({"created": 1763600000, "data": [{"b64_json": base64_text}]}).encode()


def _error(message):
    return json.dumps({"error": {"message": message, "type": "t", "param": None, "code": None}}).encode()


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def opened(data):
    """Return a picture that was received."""
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture
