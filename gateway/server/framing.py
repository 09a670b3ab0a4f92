"""Stricter than h11 about where a message ends: what another reader on the way could see differently is refused."""

import re

import h11
from h11._receivebuffer import ReceiveBuffer

_CHUNK_LINE_BYTES = 256
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_CHUNK_LINE = re.compile(
    rb"[0-9A-Fa-f]{1,16}(?:[ \t]*;[ \t]*" + _TOKEN + rb"(?:=(?:" + _TOKEN + rb'|"[\t !#-\[\]-~]*"))?)*\r\n'
)
_NO_TRAILERS = (b"content-length:", b"transfer-encoding:", b"host:")


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
