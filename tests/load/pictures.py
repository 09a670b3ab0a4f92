"""A provider of large pictures, in base64 or behind links, sent as fast as they are taken."""

import asyncio
import base64
import contextlib
import json

from tests.own_thread import OwnThread


class Pictures(OwnThread):
    """Answers below `/base64` with a picture, below `/link` with a link to one, below `/words` with one among words."""

    def __init__(self, answer, picture):
        self._answer, self._picture = answer, picture
        parts = [{"text": "An otter, très chic"}, {"inlineData": {"mimeType": "image/png", "data": "DATA"}}]
        words = json.dumps({"candidates": [{"content": {"parts": parts}}]}, ensure_ascii=False).encode()
        self._among_words = words.replace(b"DATA", base64.b64encode(picture))

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}"

    async def _line(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = head.partition("content-length: ")[2].partition("\r")[0]
                await reader.readexactly(int(length or 0))
                path = head.split(" ")[1]
                kind, body = "application/json", self._answer
                if path == "/picture":
                    kind, body = "image/png", self._picture
                elif path.startswith("/link"):
                    body = b'{"created":1,"data":[{"url":"%s/picture"}]}' % self.base.encode()
                elif path.startswith("/words"):
                    body = self._among_words
                writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode())
                for at in range(0, len(body), 1 << 18):
                    writer.write(body[at : at + (1 << 18)])
                    await writer.drain()
        writer.close()
