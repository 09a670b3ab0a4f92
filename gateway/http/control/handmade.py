"""Records of requests made elsewhere, as `logs.create` sends them: without pictures, and without credentials."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
import re2

from gateway.errors import BodyTooLarge, GatewayError, InvalidJSON
from gateway.http.control.reading import check_values
from gateway.long_json import LongText, loads

# RE2, as its time grows with the text alone, whatever somebody sends.
_ENCODED = re2.compile(r"data:[\w.+-]+/[\w.+-]+[^,\s]{0,200},[A-Za-z0-9+/=_%\r\n-]*|[A-Za-z0-9+/=_%\r\n-]{512,}")
"""A data URL, or what runs on for so long without a space that it is no writing: base64, hex, a token."""
_MOST_LOOKED_THROUGH = 2 << 20
"""Characters of all texts together, apart from those that are encoded and very long."""
_MOST_ENTRIES = 100
_MOST_BYTES = 256 * 1024
_LONGEST_MS = 86_400_000
_MOST_CENTS = 10**9
_OPERATIONS = {"/generations": "generate", "/edits": "edit", "/variations": "vary"}
_OK = 200
_NAME = 256
_PROBE = "a prompt"
"""Where this is not kept as it is no body is: a prompt may be anywhere in it."""
_TRACE = 256


def rows_of(
    body: bytes, *, workspace: str, api_key: str, keep_prompt: Callable[[str], str | None], now_ms: int
) -> tuple[bool, list[dict[str, Any]]]:
    """Return whether several came in a list, and the row of each; raises `GatewayError`. It takes its time."""
    try:
        data = loads(body)
    except orjson.JSONDecodeError:
        raise InvalidJSON("The body is not valid JSON.") from None
    check_values(data)
    if _length(data) > _MOST_LOOKED_THROUGH:
        raise _too_large()
    entries = data if isinstance(data, list) else [data]
    if not 0 < len(entries) <= _MOST_ENTRIES:
        raise BodyTooLarge(f"A list may hold 1 to {_MOST_ENTRIES} records: send them in several.")
    return data is entries, [
        _row_of(entry, workspace=workspace, api_key=api_key, keep_prompt=keep_prompt, now_ms=now_ms)
        for entry in entries
    ]


def _row_of(
    entry: Any,  # noqa: ANN401 - any JSON value
    *,
    workspace: str,
    api_key: str,
    keep_prompt: Callable[[str], str | None],
    now_ms: int,
) -> dict[str, Any]:
    """Return the row of one entry; raises `GatewayError` for one that says too little, or what cannot be."""
    whole = _object(entry, "the body")
    request, response = _object(whole.get("request"), "request"), _object(whole.get("response"), "response")
    metadata = _metadata(whole.get("metadata"))
    sent, answer = _maybe(request.get("body")), _maybe(response.get("body"))
    prompt = sent.get("prompt")
    url = _text(request, "url", 4096)
    status = _number(response, ("status",), 100, 599)
    ms = _number(response, ("response_time", "time"), 0, _LONGEST_MS)
    started = now_ms - int(ms or 0)
    kept = keep_prompt(prompt) if isinstance(prompt, str) else None
    return {
        "id": f"{started:011x}{secrets.token_hex(10)}",
        "workspace": workspace,
        "created_ms": started,
        "trace_id": _first(metadata, "trace_id", "traceId")[:_TRACE] or secrets.token_hex(16),
        "api_key": api_key,
        "user": _first(metadata, "_user", "user", "user_id") or None,
        "config": None,
        "config_version": None,
        "operation": next((operation for end, operation in _OPERATIONS.items() if end in (url or "")), "other"),
        "asked_model": _text(request, "model", _NAME) or _named(sent),
        "target": None,
        "provider": _text(request, "provider", _NAME),
        "virtual_key": None,
        "model": _named(answer) or _text(request, "model", _NAME) or _named(sent),
        "status": int(status or _OK),
        "cause": None,
        "code": None,
        "ms": int(ms or 0),
        "upstream_ms": int(ms or 0),
        "queued_ms": 0,
        "cost_micros": _cost(response),
        "saved_micros": None,
        "images": _images(answer),
        "attempts": 1,
        "maybe_billed": 0,
        "rescued": 0,
        "cache": "DISABLED",
        "size": sent["size"][:_NAME] if isinstance(sent.get("size"), str) else None,
        "prompt": None if kept is None else _without_pictures(kept),
        "metadata": metadata,
        "more": _told(request, response, bodies=keep_prompt(_PROBE) == _PROBE),
    }


def _told(request: Mapping[str, Any], response: Mapping[str, Any], *, bodies: bool) -> dict[str, Any]:
    """Return what is kept beside the columns: never headers, which hold credentials."""
    told: dict[str, Any] = {
        "source": "logs.create",
        "request": {"url": _bare(_text(request, "url", 4096)), "method": _text(request, "method", 10) or "post"},
        "response": {},
    }
    if bodies:
        told["request"]["body"] = _without_pictures(request.get("body"))
        told["response"]["body"] = _without_pictures(response.get("body"))
    if len(orjson.dumps(told)) > _MOST_BYTES:
        raise _too_large()
    return told


def _too_large() -> GatewayError:
    return BodyTooLarge(
        f"A record may take {_MOST_BYTES // 1024} KiB, apart from pictures: leave out part of its bodies."
    )


def _length(value: Any) -> int:  # noqa: ANN401 - any JSON value
    """Return how many characters there are to look through."""
    length, left = 0, [value]
    while left:
        match left.pop():
            case LongText():
                pass
            case str() as text:
                length += len(text)
            case dict() as found:
                left += [*found, *found.values()]
            case list() as found:
                left += found
    return length


def _without_pictures(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    match value:
        case LongText():
            return _noted(len(value.view))
        case str():
            return _ENCODED.sub(lambda found: _noted(len(found[0])), value)
        case dict():
            return {_without_pictures(name): _without_pictures(item) for name, item in value.items()}
        case list():
            return [_without_pictures(item) for item in value]
        case _:
            return value


def _noted(length: int) -> str:
    return f"[{length} characters of encoded data]"


def _bare(url: str | None) -> str | None:
    """Return a URL without what may be a credential."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _object(value: Any, name: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, dict):
        raise GatewayError(
            f'{name} has to be an object: {{"request": {{"url", "provider", "model", "body"}}, '
            '"response": {"status", "response_time", "cost_usd", "body"}, "metadata": {…}}.',
            param=None if name == "the body" else name,
        )
    return value


def _maybe(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, dict) else {}


def _metadata(value: Any) -> dict[str, str]:  # noqa: ANN401 - any JSON value
    metadata: dict[str, str] = {}
    for name, item in _object({} if value is None else value, "metadata").items():
        if item is None:
            continue
        if not isinstance(item, str | int | float):
            raise GatewayError("metadata: each value has to be a string, a number or a boolean.", param="metadata")
        text = item if isinstance(item, str) else orjson.dumps(item).decode()
        metadata[_without_pictures(name)] = _without_pictures(text)
    if len(orjson.dumps(metadata)) > _MOST_BYTES // 8:
        raise GatewayError(f"metadata: {_MOST_BYTES // 8 // 1024} KiB at most.", param="metadata")
    return metadata


def _text(part: Mapping[str, Any], name: str, longest: int) -> str | None:
    value = part.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or isinstance(value, LongText) or len(value) > longest:
        raise GatewayError(f"{name}: expected a text of up to {longest} characters.", param=name)
    return value


def _number(part: Mapping[str, Any], names: tuple[str, ...], low: float, high: float) -> float | None:
    for name in names:
        value = part.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise GatewayError(
                f"response.{name}: expected a number from {low:g} to {high:g}.", param=f"response.{name}"
            )
        return value
    return None


def _cost(response: Mapping[str, Any]) -> int | None:
    usd = _number(response, ("cost_usd",), 0, _MOST_CENTS / 100)
    if usd is not None:
        return round(usd * 1_000_000)
    cents = _number(response, ("cost",), 0, _MOST_CENTS)
    return None if cents is None else round(cents * 10_000)


def _images(answer: Mapping[str, Any]) -> int:
    data = answer.get("data")
    pictures = data if isinstance(data, list) else []
    return sum(isinstance(each, dict) and bool(each.keys() & {"url", "b64_json"}) for each in pictures)


def _first(metadata: Mapping[str, str], *names: str) -> str:
    return next((metadata[name] for name in names if metadata.get(name)), "")


def _named(body: Mapping[str, Any]) -> str | None:
    model = body.get("model")
    return model[:_NAME] if isinstance(model, str) and model else None
