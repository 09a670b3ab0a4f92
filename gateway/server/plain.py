"""The request that nearly everybody sends, read in one look: its framing leaves no room for a second opinion.

A head that came in one piece, one header to a line and each name once, a body of a stated length, and nothing that asks
for more than the next request on the same connection. Whatever is not like that is h11's, to be read or to be refused.
"""

import re

from gateway.server.head import FRAMING, NAME, REASONS, Headers, date, lines

_START = re.compile(rb"POST (/[!-~]*) HTTP/1\.1")
_VALUE = b"\t" + bytes(range(0x20, 0x7F))
_ODD = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"te", b"trailer", b"proxy-connection", b"keep-alive"})
_LENGTH_DIGITS = 15
_LONGEST_HEAD = 16 * 1024
_WITHOUT_BODY = frozenset({204, 304})
_START_LINES = {status: b"HTTP/1.1 %d %s\r\n" % (status, reason) for status, reason in REASONS.items()}


class Plain:
    """One plain request and the framing of its answer."""

    __slots__ = ("_ended", "_goes_on", "_left", "body_so_far", "headers", "target", "unread")

    def __init__(self, target: bytes, headers: list[tuple[bytes, bytes]], unread: int, body_so_far: bytes) -> None:
        """Hold what was read; `unread` bytes of the body are still to come."""
        self.target = target
        self.headers = headers
        self.unread = unread
        self.body_so_far = body_so_far
        self._left: int | None = None
        self._goes_on = True
        self._ended = False

    @property
    def incomplete(self) -> bool:
        """Whether a part of the request is still to come."""
        return self.unread > 0

    @property
    def leaves_open(self) -> bool:
        """Whether another request may follow."""
        return self._ended and self._goes_on and not self.unread

    def head(self, status: int, headers: Headers) -> bytes:
        """Return the status line and headers."""
        others = []
        how = b"transfer-encoding: chunked\r\n"
        if status in _WITHOUT_BODY:
            self._left, how = 0, b""
        for header in headers:
            name, value = header
            if name not in FRAMING:
                others.append(header)
            elif name == b"content-length":
                self._left, how = int(value), b"content-length: %s\r\n" % value
            elif name == b"connection" and value == b"close":
                self._goes_on = False
                others.append(header)
            else:
                raise ValueError(f"an answer frames itself by Content-Length alone, not by {name!r}: {value!r}")
        start = _START_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
        return b"%s%s%s%s" % (start, how, lines(others), date())

    def body(self, data: bytes) -> list[bytes]:
        """Return what to write for a part of the body."""
        size = len(data)
        if self._left is None:
            return [b"%x\r\n" % size, data, b"\r\n"] if size else []
        self._left -= size
        if self._left < 0:
            raise ValueError("an answer is longer than its Content-Length says")
        return [data]

    def end(self) -> list[bytes]:
        """Return what to write after the body."""
        if self._left:
            raise ValueError("an answer is shorter than its Content-Length says")
        self._ended = True
        return [b"0\r\n\r\n"] if self._left is None else []


def plain(data: bytes) -> Plain | None:
    """Return the request that begins and, as far as it has come, ends with these bytes, if it is a plain one."""
    end = data.find(b"\r\n\r\n", 0, _LONGEST_HEAD)
    if end < 0:
        return None
    start, *rest = data[:end].split(b"\r\n")
    match = _START.fullmatch(start)
    if match is None:
        return None
    headers = []
    for line in rest:
        name, colon, value = line.partition(b":")
        if not colon:
            return None
        headers.append((name.lower(), value.strip(b" \t")))
    named = dict(headers)
    length = named.get(b"content-length", b"")
    if (
        len(named) != len(headers)
        or b"" in named
        or b"host" not in named
        or not length.isdigit()
        or len(length) > _LENGTH_DIGITS
        or not _ODD.isdisjoint(named)
        or named.get(b"connection", b"keep-alive").lower() != b"keep-alive"
        or b"".join(named).translate(None, NAME)
        or b"".join(named.values()).translate(None, _VALUE)
    ):
        return None
    body = data[end + 4 :]
    unread = int(length) - len(body)
    return Plain(match[1], headers, unread, body) if unread >= 0 else None
