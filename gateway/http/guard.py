"""The outermost layer: refuses heads that are malformed, ambiguous or too large, from the raw scope alone.

It trusts nothing that a framework made of the request: routing and keys are only as good as the bytes they came from.
"""

import re
from collections.abc import Callable
from ipaddress import AddressValueError, IPv6Address
from typing import TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.refusal import refusal

Refused: TypeAlias = tuple[int, str, str]
"""Status, code, and what to do instead."""

HEAD_BYTES = 64 * 1024
CONFIG_HEADER_BYTES = 32 * 1024

_LINE_BYTES = 4
"""What a line of the head costs besides its name and value: the colon, the space, the line end."""
_VERSIONS = frozenset({"1.1", "1.0"})
_WATCHED = frozenset({b"host", b"content-length", b"transfer-encoding", b"content-encoding", b"x-portkey-config"})
_VISIBLE = b"\t" + bytes(range(0x20, 0x7F))
_PLAIN_ENCODINGS = frozenset({b"", b"identity"})

_TARGET = re.compile(
    rb"/(?!/)[^%\\#\x00-\x20\x7f-\xff]*(?:%(?!5[Cc]|7[Ff])[2-9A-Fa-f][0-9A-Fa-f][^%\\#\x00-\x20\x7f-\xff]*)*"
)
"""An absolute path whose escapes decode to neither a control character nor a backslash."""
_HOST = re.compile(rb"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})|\[([0-9A-Fa-f:.]{2,45})\])(?::[0-9]{1,5})?")

_PROBES = (b"/livez", b"/readyz")
_BAD_HOST = (
    400,
    "bad_host",
    "Send exactly one Host header: a name, an IPv4 address or a bracketed IPv6 address, and a port.",
)
_BAD_TARGET = (
    400,
    "bad_target",
    "The request target must be a plain path that starts with a single '/', such as /v1/images/generations.",
)
_BAD_FRAMING = (
    400,
    "bad_framing",
    "Send either Content-Length or, in HTTP/1.1, Transfer-Encoding: chunked; never both.",
)
_BAD_HEADER = (
    400,
    "bad_header",
    "Header values may hold visible ASCII only: write other characters as \\uXXXX escapes in JSON, or use base64.",
)
_TWO_CONFIGS = (400, "bad_header", "Send x-portkey-config once: which of two configs is meant cannot be known.")
_TWICE = {b"host": _BAD_HOST, b"x-portkey-config": _TWO_CONFIGS}
_BAD_VERSION = (505, "bad_version", "Only HTTP/1.1 is spoken here: connect without HTTP/2 prior knowledge.")
_ENCODED = (415, "unsupported_encoding", "Send the body as it is, without Content-Encoding.")
_LARGE_HEAD = (
    431,
    "headers_too_large",
    f"Request line and headers may take {HEAD_BYTES} bytes together: send fewer or shorter ones.",
)
_LARGE_CONFIG = (
    431,
    "headers_too_large",
    f"x-portkey-config may take {CONFIG_HEADER_BYTES} bytes: store the config and send its id instead.",
)


class Guard:
    """Passes sound requests on untouched and answers the others itself."""

    def __init__(self, app: ASGIApp, *, cap: Callable[[str], int]) -> None:
        """Stand before `app`; `cap` tells how large a body may be for a path."""
        self._app = app
        self._cap = cap

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand over."""
        if scope["type"] == "http":
            refused = self._inspect(scope)
            if refused is not None:
                await _answer(send, *refused)
                return
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        await self._app(scope, receive, send)

    def _inspect(self, scope: Scope) -> Refused | None:
        path = scope["raw_path"]
        headers = scope["headers"]
        size = len(scope["method"]) + len(path) + len(scope["query_string"]) + _LINE_BYTES
        seen: dict[bytes, bytes] = {}
        values = []
        for name, value in headers:
            size += len(name) + len(value) + _LINE_BYTES
            values.append(value)
            if name in _WATCHED:
                if name in seen and name != b"content-encoding":
                    return _TWICE.get(name, _BAD_FRAMING)
                seen[name] = value
        if size > HEAD_BYTES:
            return _LARGE_HEAD
        if b"".join(values).translate(None, _VISIBLE):
            return _BAD_HEADER
        if _TARGET.fullmatch(path) is None:
            return _BAD_TARGET if scope["http_version"] in _VERSIONS else _BAD_VERSION
        if not (_is_host(seen[b"host"]) if b"host" in seen else _is_old_probe(scope)):
            return _BAD_HOST
        return self._inspect_body(scope, seen)

    def _inspect_body(self, scope: Scope, seen: dict[bytes, bytes]) -> Refused | None:
        if scope["http_version"] not in _VERSIONS:
            return _BAD_VERSION
        if len(seen.get(b"x-portkey-config", b"")) > CONFIG_HEADER_BYTES:
            return _LARGE_CONFIG
        if not _is_framed(scope["http_version"], seen):
            return _BAD_FRAMING
        if seen.get(b"content-encoding", b"").strip().lower() not in _PLAIN_ENCODINGS:
            return _ENCODED
        cap = self._cap(scope["path"])
        if int(seen.get(b"content-length", b"0")) > cap:
            return 413, "body_too_large", f"The body of this request may take {cap} bytes: send a smaller one."
        return None


def _is_framed(version: str, seen: dict[bytes, bytes]) -> bool:
    """Tell whether every reader of this request would see it end in the same place."""
    if b"transfer-encoding" in seen:
        return version == "1.1" and b"content-length" not in seen
    return seen.get(b"content-length", b"0").isdigit()


def _is_old_probe(scope: Scope) -> bool:
    """Whether a balancer asks for a machine's health in HTTP/1.0, which knows no `Host`."""
    return scope["http_version"] == "1.0" and scope["raw_path"] in _PROBES


def _is_host(value: bytes) -> bool:
    match = _HOST.fullmatch(value)
    if match is None:
        return False
    if match[1] is not None:
        try:
            IPv6Address(match[1].decode())
        except AddressValueError:
            return False
    return True


async def _answer(send: Send, status: int, code: str, message: str) -> None:
    headers, body = refusal(status, code, message)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
