"""Outcomes and errors → the bytes that go back; one table says what each failure looks like from outside."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Send

from gateway.errors import GatewayError
from gateway.http.envelope import envelope
from gateway.http.events import EVENT_HEADERS, passed_on, synthesised
from gateway.http.sliced import Part, Sliced
from gateway.images import ImageReply, ImageRequest, Picture
from gateway.providers import PROVIDERS
from strategies import Cause, Failure, Journey

Headers = list[tuple[bytes, bytes]]

Content = bytes | bytearray | Sliced | AsyncGenerator[bytes, None]
"""Events have no length that is known before their end."""
Answer = tuple[int, Headers, Content]
"""Status, headers, body."""

_HELD_BYTES = 1 << 20
_LARGE_BYTES = 1 << 22
_SLICES_AT_A_TIME = 2

JSON = (b"content-type", b"application/json")

# cause → (status where the provider sent none that is passed on, code, type)
_PUBLIC = {
    Cause.UNREACHABLE: (502, "upstream_unreachable", "upstream_error"),
    Cause.RATE_LIMITED: (429, "upstream_rate_limited", "rate_limit_error"),
    Cause.PROVIDER_ERROR: (502, "upstream_error", "upstream_error"),
    Cause.TIMEOUT: (408, "timeout_error", "timeout_error"),
    Cause.INCOMPLETE: (502, "upstream_incomplete", "upstream_error"),
    Cause.EMPTY: (502, "upstream_empty", "upstream_error"),
    Cause.POLICY: (400, "content_policy_violation", "invalid_request_error"),
    Cause.INVALID: (400, "invalid_request", "invalid_request_error"),
    Cause.UNSUPPORTED: (422, "unsupported", "invalid_request_error"),
    Cause.AUTH: (502, "upstream_auth", "upstream_error"),
    Cause.BUDGET: (429, "budget_exceeded", "rate_limit_error"),
    Cause.DEADLINE: (504, "deadline_exceeded", "timeout_error"),
}
# The provider's own statuses that the caller sees: 401 to 403 would look like its own fault, a redirect like an order.
_MISTAKES = frozenset({400, 404, 409, 413, 415, 422})
_PASSING = {
    Cause.RATE_LIMITED: frozenset({429, *range(500, 600)}),
    Cause.PROVIDER_ERROR: frozenset(range(500, 600)),
    Cause.POLICY: frozenset(range(400, 500)) - {401, 402, 403, 407},
    Cause.INVALID: _MISTAKES,
    Cause.UNSUPPORTED: _MISTAKES,
}
_ADVICE = {
    Cause.UNREACHABLE: "Check the target's address and network, or add a fallback.",
    Cause.RATE_LIMITED: "Wait as long as Retry-After says, or add a fallback.",
    Cause.PROVIDER_ERROR: "Try again later, or add a fallback.",
    Cause.TIMEOUT: "Raise request_timeout, or add a fallback; the attempt may have been billed.",
    Cause.INCOMPLETE: "The attempt may have been billed; a fallback, or `billing: any`, lets another target try.",
    Cause.EMPTY: "The attempt may have been billed; a fallback lets another target try.",
    Cause.POLICY: "Change the prompt, or the picture sent along with it.",
    Cause.INVALID: "Change the request, or the target that it was sent to.",
    Cause.UNSUPPORTED: "Change the request, or add a target that can take it.",
    Cause.AUTH: "Correct the credential that the gateway holds for this provider.",
    Cause.DEADLINE: "Allow more time by x-gateway-deadline or the config's deadline.",
}
_OWN_STATUS = {
    "invalid_api_key": 401,
    "custom_host_blocked": 400,
    "no_route": 400,
    "upstream_redirect": 502,
    "overloaded": 503,
    "budget_exceeded": 429,
    "max_cost_exceeded": 422,
    "rate_limit_exceeded": 429,
    "budget_unavailable": 503,
}
"""Codes of ours that decide about the status, and whose messages say what to do."""

_OWN_TYPE = {
    "invalid_api_key": "authentication_error",
    "overloaded": "server_error",
    "budget_unavailable": "server_error",
}
_FINAL_STATUS = frozenset({408, 502, 504})


def error(caught: GatewayError) -> Answer:
    """Return the answer to a caller's mistake."""
    return caught.status, [JSON, *_encoded(caught.headers)], _enveloped(caught)


def response(caught: GatewayError) -> Response:
    """Return the same for the routes that answer in Starlette's way."""
    return Response(_enveloped(caught), caught.status, caught.headers, media_type="application/json")


def failure(failed: Failure, journey: Journey, rows: list[dict[str, Any]]) -> Answer:
    """Return the answer to a request whose tree failed."""
    status, code, type_ = public(failed)
    more: dict[str, Any] = {"attempts": rows}
    if failed.provider_code:
        more["provider_code"] = failed.provider_code
    advice = "" if failed.code in _OWN_STATUS else _ADVICE.get(failed.cause, "")
    message = sentence(f"{failed.message.rstrip('.')}. {advice}".rstrip())
    headers: Headers = [JSON]
    if (status in _FINAL_STATUS and code != "upstream_unreachable") or journey.gave_up:
        headers.append((b"x-should-retry", b"false"))
    if failed.cause is Cause.RATE_LIMITED:
        pause = _shortest_pause(journey, failed)
        if pause is not None:
            headers.append((b"retry-after", str(max(1, math.ceil(pause))).encode()))
    elif failed.cause is Cause.BUDGET and failed.retry_after is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(failed.retry_after))).encode()))
    elif code == "overloaded":
        headers.append((b"retry-after", b"%d" % journey.rng.randint(1, 5)))
    return status, headers, envelope(message, type_=type_, code=code, param=failed.param, **more)


def public(failed: Failure) -> tuple[int, str, str]:
    """Return status, code and type, as a caller sees them; a code of ours decides, else the cause does."""
    status, code, type_ = _PUBLIC[failed.cause]
    if failed.status is not None and failed.status in _PASSING.get(failed.cause, ()):
        status = failed.status
    elif failed.cause is Cause.INVALID and failed.status is not None and failed.code is None:
        return _PUBLIC[Cause.PROVIDER_ERROR]
    if failed.code is not None:
        return _OWN_STATUS.get(failed.code, status), failed.code, _OWN_TYPE.get(failed.code, type_)
    # A key that the provider calls invalid is ours: its word for that would be read as the caller's.
    if failed.cause is Cause.INVALID and failed.provider_code and failed.provider_code not in _OWN_STATUS:
        code = failed.provider_code
    return status, code, type_


def success(reply: ImageReply, request: ImageRequest) -> tuple[Headers, Content]:
    """Return the body of a success: as the provider sent it where that is already right, else built from its parts."""
    if request.params.get("stream") is True:
        coming = passed_on(reply.events, request, reply.until) if reply.events else synthesised(reply, request)
        return [*EVENT_HEADERS], coming
    return [JSON], pictures(reply)


def pictures(reply: ImageReply) -> bytes | bytearray | Sliced:
    """Return the body that holds the pictures; a large one that has to be encoded is not held in memory as well."""
    if reply.canonical is not None:
        return reply.canonical
    parts: list[Part] = [b'{"created":%d,"data":[' % (reply.created or int(time.time()))]  # noqa: TID251 - wall time is the field
    for index, picture in enumerate(reply.pictures):
        parts.append(b"," if index else b"")
        parts.extend(_item(picture))
    parts.append(b"]")
    for name, value in reply.about.items():
        parts.append(b",%b:%b" % (orjson.dumps(name), orjson.dumps(value)))
    parts.append(b"}")
    body = Sliced(parts)
    return body if body.length > _HELD_BYTES else body.whole()


async def write(send: Send, status: int, headers: Headers, content: Content) -> None:
    """Send a whole answer."""
    if isinstance(content, bytes | bytearray):
        headers.append((b"content-length", b"%d" % len(content)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await _write_whole(send, content)
        return
    if isinstance(content, Sliced):
        headers.append((b"content-length", b"%d" % content.length))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if isinstance(content, Sliced):
        for number, piece in enumerate(content.slices(), 1):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if number % _SLICES_AT_A_TIME == 0:
                await asyncio.sleep(0)  # a fast reader takes all at once: others have their turn in between
    else:
        async with aclosing(content):
            async for event in content:
                await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _write_whole(send: Send, content: bytes | bytearray) -> None:
    """Send a body that is there already; of a large one, each piece in a turn of its own.

    A fast reader would take all of it while the loop writes, and hold up everyone else.
    """
    if len(content) <= _LARGE_BYTES:
        await send({"type": "http.response.body", "body": content})
        return
    view = memoryview(content)
    for start in range(0, len(view), _HELD_BYTES):
        await asyncio.sleep(0)
        end = start + _HELD_BYTES
        await send({"type": "http.response.body", "body": view[start:end], "more_body": end < len(view)})


def _item(picture: Picture) -> Iterable[Part]:
    separator = b"{"
    if picture.url is not None:
        yield b'{"url":%b' % orjson.dumps(picture.url)
        separator = b","
    if picture.b64 is not None:
        yield separator + b'"b64_json":"'
        yield picture.b64
        yield b'"'
    elif picture.data is not None:
        yield separator + b'"b64_json":"'
        yield picture
        yield b'"'
    if picture.revised_prompt is not None:
        yield b',"revised_prompt":%b' % orjson.dumps(picture.revised_prompt)
    yield b"}"


def sentence(message: str) -> str:
    """Begin with a capital letter, unless with a name that is written without one."""
    word = message.partition(" ")[0]
    return message[:1].upper() + message[1:] if word.isalpha() and word not in PROVIDERS else message


def _shortest_pause(journey: Journey, failed: Failure) -> float | None:
    pauses = [
        attempt.outcome.retry_after
        for attempt in journey.attempts
        if isinstance(attempt.outcome, Failure) and attempt.outcome.retry_after is not None
    ]
    pauses += [why.retry_after for why in journey.passed_over.values() if why.retry_after is not None]
    return min(pauses, default=failed.retry_after)


def _enveloped(caught: GatewayError) -> bytes:
    return envelope(caught.message, type_=caught.type, code=caught.code, param=caught.param)


def _encoded(headers: Mapping[str, str]) -> Headers:
    return [(name.encode(), value.encode()) for name, value in headers.items()]
