"""A caller on a plain socket, which knows whether an answer came whole: ordinary clients hide that."""

import contextlib
import json
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from tests.end_to_end.caller import ROUTE

_LONGEST_WAIT = 15.0


@dataclass(frozen=True)
class Got:
    """What a caller got, and whether it ended where it said it would."""

    seconds: float
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False

    @property
    def error(self) -> Any:
        """What an answer says went wrong, where it has the form that errors have."""
        try:
            error = json.loads(self.body)["error"]
            return error if {"message", "type", "param", "code"} <= error.keys() else None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    @property
    def code(self):
        return self.error["code"] if self.error else None


class Line:
    """One connection."""

    def __init__(self, port, seconds=_LONGEST_WAIT):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self.file = self.socket.makefile("rb")
        self.began = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()

    def send(self, data):
        self.began = time.monotonic()
        self.socket.sendall(data)

    def answer(self):
        """Read one answer as far as it comes."""
        status, headers, body, whole = None, {}, b"", False
        with contextlib.suppress(OSError, ValueError):
            status, headers = self._head()
            for piece, last in self._pieces(headers):
                body += piece
                whole = last
        return Got(time.monotonic() - self.began, status, headers, body, whole)

    def leave(self, *, reset=False):
        """Hang up."""
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.file.close()
        self.socket.close()

    def _head(self):
        version, status, _ = self.file.readline().decode().split(" ", 2)
        if version != "HTTP/1.1":
            raise ValueError(version)
        headers = {}
        while (line := self.file.readline().decode("latin-1")) != "\r\n":
            name, value = line.removesuffix("\r\n").split(": ", 1)
            if name.lower() in headers:
                raise ValueError(f"{name} comes twice")
            headers[name.lower()] = value
        return int(status), headers

    def _pieces(self, headers):
        """Yield the body's pieces, and of each whether it is the last."""
        if "content-length" in headers:
            length = int(headers["content-length"])
            body = self.file.read(length)
            yield body, len(body) == length
            return
        if headers.get("transfer-encoding") != "chunked":
            raise ValueError("an answer without an end")
        while size := int(self.file.readline(), 16):
            yield self.file.read(size), False
            if self.file.readline() != b"\r\n":
                return
        yield b"", self.file.readline() == b"\r\n"


def request(config, body=None, *lines):
    """Return the bytes of a request."""
    content = json.dumps({"prompt": "an otter", **(body or {})}).encode()
    head = [
        f"POST {ROUTE} HTTP/1.1",
        "Host: gateway.test",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        f"x-portkey-config: {json.dumps(config)}",
        *lines,
    ]
    return "\r\n".join([*head, "", ""]).encode() + content
