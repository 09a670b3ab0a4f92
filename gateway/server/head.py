"""The bytes of an answer: a framing says where it ends, the other headers are checked and written as they are."""

import string
import time
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

import h11

Headers = Iterable[tuple[bytes, bytes]]

FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection"})
REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_NAME = b"!#$%&'*+-.^_`|~" + string.ascii_letters.encode() + string.digits.encode()
_VALUE = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))


class Framing(Protocol):
    """Where one request and its answer end; what it returns is to be written."""

    @property
    def incomplete(self) -> bool:
        """Whether a part of the request is still to come."""

    def head(self, status: int, headers: Headers) -> bytes:
        """Begin the answer."""

    def body(self, data: bytes) -> list[bytes]:
        """Go on with it."""

    def end(self) -> list[bytes]:
        """End it."""


class ByH11:
    """Whatever HTTP/1.1 allows, as h11 knows it."""

    def __init__(self, connection: h11.Connection) -> None:
        """Move `connection` on, from state to state."""
        self._connection = connection

    @property
    def incomplete(self) -> bool:
        """Whether a part of the request is still to come."""
        return self._connection.their_state is h11.SEND_BODY

    def head(self, status: int, headers: Headers) -> bytes:
        """Return the status line and headers.

        h11 would normalise and validate every header twice; it sees only those that it acts upon.
        """
        framing: list[tuple[bytes, bytes]] = []
        others: list[tuple[bytes, bytes]] = []
        for header in headers:
            (framing if header[0] in FRAMING else others).append(header)
        rest = lines(others)
        start = h11.Response(status_code=status, reason=REASONS.get(status, b""), headers=framing)
        return b"%s%s%s" % ((self._connection.send(start) or b"")[:-2], rest, date())

    def body(self, data: bytes) -> list[bytes]:
        """Return what to write for a part of the body."""
        return self._connection.send_with_data_passthrough(h11.Data(data=data)) or []

    def end(self) -> list[bytes]:
        """Return what to write after the body."""
        return self._connection.send_with_data_passthrough(h11.EndOfMessage()) or []


def lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return the lines of headers, each of which is one line."""
    # Each part alone: joined lines would hide a line end that a value brings along.
    if b"".join([name for name, _ in headers]).translate(None, _NAME) or b"".join(
        [value for _, value in headers]
    ).translate(None, _VALUE):
        raise ValueError("a response header holds characters that may not stand there")
    return b"".join([b"%s: %s\r\n" % header for header in headers])


class _Date:
    """The date line, made once a second."""

    second = -1
    line = b""

    def __call__(self) -> bytes:
        """Return the line for this second, and the end of the head."""
        second = int(time.monotonic())
        if second != self.second:
            self.second = second
            self.line = b"date: %s\r\n\r\n" % formatdate(usegmt=True).encode()
        return self.line


date = _Date()
