"""Bytes and headers of a request → the values that the rest of the gateway works with."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from gateway.errors import GatewayError, InvalidJSON, UnsupportedEncoding

DEADLINE_HEADER = "x-gateway-deadline"
_DEADLINE_MS = range(1_000, 600_001)
_SHORT_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_LONGEST_TRACE_ID = 256
_TRUE = frozenset({"true", "1"})
_FALSE = frozenset({"false", "0", ""})


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """Return the request's headers, names in lower case; of a repeated one the first counts."""
    raw: Iterable[tuple[bytes, bytes]] = scope["headers"]
    headers: dict[str, str] = {}
    for name, value in raw:
        headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return headers


def kind_of(headers: Mapping[str, str]) -> str:
    """Return the type of a body, without its options."""
    return headers.get("content-type", "application/json").partition(";")[0].strip().lower()


def json_object(body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON object that the body has to be, without its `null`s, which stand for defaults."""
    kind = kind_of(headers)
    if kind != "application/json":
        raise UnsupportedEncoding(f"Content-Type {kind[:60]!r} is not read here: send the request as application/json.")
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidJSON(f"The body is not valid JSON: {_first_line(str(error))}.") from None
    if not isinstance(decoded, dict):
        raise InvalidJSON('The body has to be a JSON object, such as {"prompt": "an otter"}.')
    if None in decoded.values():
        return {name: value for name, value in decoded.items() if value is not None}
    return decoded


def metadata_of(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return `x-portkey-metadata`: a JSON object of strings."""
    text = headers.get("x-portkey-metadata")
    if text is None:
        return {}
    try:
        decoded = orjson.loads(text)
    except orjson.JSONDecodeError:
        decoded = None
    if not isinstance(decoded, dict):
        raise GatewayError(
            'x-portkey-metadata has to be a JSON object of strings, such as {"_user": "ada"}.',
            param="x-portkey-metadata",
        )
    for name, value in decoded.items():
        if not isinstance(value, str):
            raise GatewayError(
                f"x-portkey-metadata: the value of {name[:60]!r} has to be a string; put it in quotes.",
                param="x-portkey-metadata",
            )
    return decoded


def seconds_allowed(headers: Mapping[str, str], default: float) -> float:
    """Return the time for the whole request: the caller's, else the default; a config's tree may allow less."""
    text = headers.get(DEADLINE_HEADER)
    if text is None:
        return default
    if not _SHORT_NUMBER.fullmatch(text) or int(text) not in _DEADLINE_MS:
        raise GatewayError(
            f"{DEADLINE_HEADER}: expected milliseconds from {_DEADLINE_MS[0]} to {_DEADLINE_MS[-1]}, "
            f"got {text[:40]!r}.",
            param=DEADLINE_HEADER,
        )
    return int(text) / 1000


def trace_id_of(headers: Mapping[str, str]) -> str | None:
    """Return the caller's trace id, if it sent one."""
    trace_id = headers.get("x-portkey-trace-id")
    if trace_id and len(trace_id) > _LONGEST_TRACE_ID:
        raise GatewayError(
            f"x-portkey-trace-id is longer than {_LONGEST_TRACE_ID} characters.", param="x-portkey-trace-id"
        )
    return trace_id or None


def flag_of(headers: Mapping[str, str], name: str) -> bool:
    """Return a header that is true or false, in any case; absent is false."""
    word = headers.get(name, "").strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise GatewayError(f"{name}: expected true or false, got {word[:40]!r}.", param=name)


def _first_line(text: str) -> str:
    return text.partition("\n")[0][:200]
