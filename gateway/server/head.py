"""The head of an answer: what says where it ends is for its framing, the other headers are checked and written."""

import string
import time
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus

Headers = Iterable[tuple[bytes, bytes]]

FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection"})
REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
NAME = b"!#$%&'*+-.^_`|~" + string.ascii_letters.encode() + string.digits.encode()
"""The bytes that a header's name may have."""
_VALUE = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))


def lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return the lines of headers, each of which is one line."""
    # Each part alone: joined lines would hide a line end that a value brings along.
    if b"".join([name for name, _ in headers]).translate(None, NAME) or b"".join(
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
