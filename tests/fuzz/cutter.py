"""A provider on a bare socket that breaks off its answers: after how many bytes, and how, the prompt's number says."""

import base64
import functools
import gzip
import io
import itertools
import json
import random
import socket
import struct
from dataclasses import dataclass, field

from PIL import Image

from tests.own_thread import OwnThread

FRAMINGS = ("length", "chunked", "close", "gzip")
FORMS = ("json", "link", "bare", "events")
CONTAINERS = ("PNG", "JPEG", "WEBP")
_GO_AWAY = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Cut:
    """One answer, all of it decided by one number."""

    number: int
    form: str
    framing: str
    container: str
    resets: bool
    where: str
    """In which part of the answer it breaks off; `nowhere` is how often the rest is known to work."""

    @functools.cached_property
    def picture(self):
        """Return a picture that no other number has."""
        noise = random.Random(self.number)
        buffer = io.BytesIO()
        size = noise.randint(8, 40), noise.randint(8, 40)
        Image.frombytes("RGB", size, noise.randbytes(size[0] * size[1] * 3)).save(buffer, self.container)
        return buffer.getvalue()

    @functools.cached_property
    def body(self):
        """Return what a picture comes in: JSON, its own bytes, or events."""
        text = base64.b64encode(self.picture).decode()
        if self.form == "json":
            item = {"b64_json": text, "revised_prompt": "an otter"}
            return json.dumps({"created": 1763600000, "data": [item], "usage": {"total_tokens": 9}}).encode()
        if self.form != "events":
            return self.picture
        kinds = ("image_generation.partial_image", "image_generation.completed")
        return b"".join(
            f"event: {kind}\ndata: {json.dumps({'type': kind, 'b64_json': text})}\n\n".encode() for kind in kinds
        )

    @functools.cached_property
    def wire(self):
        """Return head and body as they are sent, and where the body begins."""
        kind = {"json": "application/json", "events": "text/event-stream"}.get(self.form)
        lines = ["HTTP/1.1 200 OK", f"Content-Type: {kind or f'image/{self.container.lower()}'}"]
        body = self.body
        if self.framing == "gzip":
            body = gzip.compress(body)
            lines.append("Content-Encoding: gzip")
        if self.framing in ("length", "gzip"):
            lines.append(f"Content-Length: {len(body)}")
        elif self.framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
            body = _chunked(body, random.Random(self.number))
        else:
            lines.append("Connection: close")
        head = "\r\n".join([*lines, "", ""]).encode()
        return head + body, len(head)

    @property
    def sent(self):
        """Return what of it is sent."""
        whole, start = self.wire
        end = len(whole)
        chance = random.Random(f"{self.number} cut")
        match self.where:
            case "head":
                end = chance.randrange(start + 1)
            case "anywhere":
                end = chance.randrange(end)
            case "end":
                end -= chance.randint(1, min(60, end - start))
        return whole[:end]

    @property
    def is_whole(self):
        """Whether nothing is missing that would have told of a picture."""
        return self.where == "nowhere"


_WEIGHED = [
    form for form in FORMS for _ in range(1 if form == "link" else 3)
]  # links are tried again, which takes time
_WHERE = ("head", "anywhere", "anywhere", "anywhere", "end", "end", "nowhere")
_KINDS = list(itertools.product(_WEIGHED, FRAMINGS, _WHERE))


def cut(number):
    """Return one of all the ways to break off; a few hundred numbers in a row have all of them."""
    chance = random.Random(f"{number} kind")
    form, framing, where = _KINDS[number % len(_KINDS)]
    return Cut(number, form, framing, chance.choice(CONTAINERS), chance.random() < 0.3, where)


def _chunked(body, chance):
    parts = []
    while body:
        size = chance.randint(1, 700)
        parts.append(b"%x\r\n%b\r\n" % (len(body[:size]), body[:size]))
        body = body[size:]
    return b"".join(parts) + b"0\r\n\r\n"


@dataclass
class Cutter(OwnThread):
    """Breaks off the answers to prompts that are numbers; below `/whole` it answers them properly."""

    asked: list[str] = field(default_factory=list)

    async def _one(self, reader, writer):
        """Answer one request; return whether the connection goes on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = first.split(" ")
        self.asked.append(path)
        if method == "GET":
            found = cut(int(path.rpartition("/")[2]))
        else:
            sent = json.loads(body)
            found = cut(int(sent.get("prompt") or sent["inputs"]))
        if method == "POST" and found.form == "link":
            link = f"http://127.0.0.1:{self.port}/pictures/{found.number}"
            data = json.dumps({"created": 1, "data": [{"url": link}]}).encode()
        elif path.startswith("/whole"):
            whole = Cut(found.number, found.form, "length", found.container, resets=False, where="nowhere")
            data = whole.wire[0]
            writer.write(data)
            await writer.drain()
            return True
        else:
            data = None
        if data is not None:
            start = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
            writer.write(start.encode() + data)
            await writer.drain()
            return True
        writer.write(found.sent)
        await writer.drain()
        if found.is_whole and found.framing != "close":
            return True
        if found.resets and not found.is_whole:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _GO_AWAY)
            writer.transport.abort()
        return False
