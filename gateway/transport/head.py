"""A request as it is written on a connection."""

import re
from collections.abc import Mapping

from yarl import URL

from gateway.transport.origin import Origin

_SMALL_BYTES = 1 << 16
_UNSAFE = re.compile(r"[\r\n\0\u0100-\U0010ffff]")


def head_of(method: str, url: URL, origin: Origin, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """Return a request's head; raises `ValueError` where a header holds what none can."""
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    for line in lines:
        if _UNSAFE.search(line, 0, len(line) - 2):
            raise ValueError(f"its header {line.partition(':')[0]!r} holds a line break, or what is not Latin-1")
    return b"%b %b%b%b%b%baccept-encoding: identity\r\n\r\n" % (
        method.encode(),
        url.raw_path_qs.encode(),
        origin.request_line_end,
        "".join(lines).encode("latin-1"),
        b"" if "accept" in headers else b"accept: application/json\r\n",
        b"" if body is None and method == "GET" else b"content-length: %d\r\n" % len(body or b""),
    )


def pieces_of(head: bytes, body: bytes | None) -> tuple[bytes, ...]:
    """Return what is written, one after the other."""
    if body is None:
        return (head,)
    # A small body leaves in the same packet as its head; a large one is not copied for that.
    return (head + body,) if len(body) < _SMALL_BYTES else (head, body)
