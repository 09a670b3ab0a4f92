"""Where requests and answers end, as h11 knows it, and stricter: what others could see differently is refused."""

import re
from typing import Protocol

import h11
from h11._receivebuffer import ReceiveBuffer

from gateway.server.head import FRAMING, REASONS, Headers, date, lines

_CHUNK_LINE_BYTES = 256
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_CHUNK_LINE = re.compile(
    rb"[0-9A-Fa-f]{1,16}(?:[ \t]*;[ \t]*" + _TOKEN + rb"(?:=(?:" + _TOKEN + rb'|"[\t !#-\[\]-~]*"))?)*\r\n'
)
_NO_TRAILERS = (b"content-length:", b"transfer-encoding:", b"host:")


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


class Ambiguous(h11.RemoteProtocolError):
    """The client's framing could be read in more than one way; says which part of it."""


class StrictBuffer(ReceiveBuffer):
    """Hands h11 the lines of heads and chunks, and none that the standard only tolerates."""

    _in_chunks = False

    def maybe_extract_lines(self) -> list[bytearray] | None:
        """Return the lines of a head: each ended by CR LF, none of them folded, at most one of them a length."""
        before = len(self._data)
        lines = super().maybe_extract_lines()
        trailer = self._in_chunks
        self._in_chunks = trailer and lines is None
        if not lines:
            return lines
        # A line that ends in a bare LF took a byte less than its own length and two.
        if sum(map(len, lines)) + 2 * len(lines) + 2 != before - len(self._data):
            raise Ambiguous("end each line of the head with CR LF")
        head = b"\n" + b"\n".join(lines).lower()
        if b"\n " in head or b"\n\t" in head:
            raise Ambiguous("write each header on one line, without folding it")
        if head.count(b"\ncontent-length:") > 1:
            raise Ambiguous("send Content-Length once")
        if trailer and any(b"\n" + name in head for name in _NO_TRAILERS):
            raise Ambiguous("say where the body ends, and for whom it is, before it")
        return lines

    def maybe_extract_next_line(self) -> bytearray | None:
        """Return the line before a chunk: its size, and what the standard lets stand behind it."""
        self._in_chunks = True
        line = super().maybe_extract_next_line()
        if line is None:
            if len(self._data) > _CHUNK_LINE_BYTES:
                raise Ambiguous("begin each chunk with its size and CR LF")
        elif len(line) > _CHUNK_LINE_BYTES or _CHUNK_LINE.fullmatch(line) is None:
            raise Ambiguous("begin each chunk with its size in hexadecimal digits, and well-formed extensions at most")
        return line
