"""The bytes of an answer: h11 decides the framing, the other headers are checked and written as they are."""

import string
import time
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus

import h11

_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection"})
_NAME = b"!#$%&'*+-.^_`|~" + string.ascii_letters.encode() + string.digits.encode()
_VALUE = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


class _Date:
    """The date line, made once a second."""

    second = -1
    line = b""

    def now(self) -> bytes:
        """Return the line for this second."""
        second = int(time.monotonic())
        if second != self.second:
            self.second = second
            self.line = b"date: %s\r\n\r\n" % formatdate(usegmt=True).encode()
        return self.line


_date = _Date()


def head(connection: h11.Connection, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the status line and headers, and move the connection on to the body.

    h11 would normalise and validate every header twice; it sees only those that it acts upon.
    """
    framing: list[tuple[bytes, bytes]] = []
    others: list[tuple[bytes, bytes]] = []
    for header in headers:
        (framing if header[0] in _FRAMING else others).append(header)
    # Each part alone: joined lines would hide a line end that a value brings along.
    if b"".join([name for name, _ in others]).translate(None, _NAME) or b"".join(
        [value for _, value in others]
    ).translate(None, _VALUE):
        raise ValueError("a response header holds characters that may not stand there")
    lines = b"".join([b"%s: %s\r\n" % header for header in others])
    start = connection.send(h11.Response(status_code=status, reason=_REASONS.get(status, b""), headers=framing))
    return b"%s%s%s" % (start[:-2], lines, _date.now())


def body_parts(connection: h11.Connection, data: bytes) -> list[bytes]:
    """Return what to write for a part of the body."""
    return connection.send_with_data_passthrough(h11.Data(data=data)) or []


def end_parts(connection: h11.Connection) -> list[bytes]:
    """Return what to write after the body."""
    return connection.send_with_data_passthrough(h11.EndOfMessage()) or []
