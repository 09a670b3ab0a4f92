"""What the wall does, by the first word of a model's name; the words behind it are its arguments.

A refusal comes before the request is taken, and costs nothing. Everything else is work that somebody may be billed for.
"""

import gzip
from dataclasses import dataclass

from tests.end_to_end.wall.pictures import answer, event, painted

USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
    "output_tokens": 272,
    "total_tokens": 282,
}
USAGE_OF_NOTHING = {**USAGE, "output_tokens": 999_999, "total_tokens": 1_000_009}

_AN_HOUR = 3600.0
_PIECE = 4096


@dataclass(frozen=True)
class Refusal:
    status: int
    body: dict
    lines: tuple[str, ...] = ()


def _error(message, code=None, type_="server_error", param=None):
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}


# --- refusals: what the line has, the attempts of the same tenant before, and the words of the model's name ---


def _status(line, before, status, retry_after=None):
    lines = () if retry_after is None else (f"Retry-After: {retry_after}",)
    return Refusal(int(status), _error(f"scripted {status}"), lines)


def _once(line, before, status, retry_after=None):
    """Refuse the first attempt of a tenant at this target."""
    again = any(attempt.painter == line.attempt.painter for attempt in before)
    return None if again else _status(line, before, status, retry_after)


def _outage(line, before, seconds):
    """Be down for so long, from the first attempt at this target on."""
    first = next((seen for seen in before if seen.painter == line.attempt.painter), line.attempt)
    down = line.attempt.at_ms - first.at_ms < float(seconds) * 1000
    return Refusal(500, _error("the server had an error")) if down else None


def _policy(line, before):
    return Refusal(400, _error("refused by the safety system", "moderation_blocked", "image_generation_user_error"))


def _invalid(line, before):
    return Refusal(400, _error("Invalid value: 'size'", "invalid_value", "invalid_request_error", "size"))


def _redirect(line, before):
    return Refusal(307, {}, (f"Location: {line.provider.redirects_to}/images/generations",))


REFUSALS = {
    "status": _status,
    "once": _once,
    "outage": _outage,
    "policy": _policy,
    "invalid": _invalid,
    "redirect": _redirect,
}


# --- answers ---


async def _send(line, body, *lines, framing="length", kind="application/json"):
    head = ["HTTP/1.1 200 OK", f"Content-Type: {kind}", *lines]
    if framing == "length":
        head.append(f"Content-Length: {len(body)}")
    else:
        head.append("Transfer-Encoding: chunked" if framing == "chunked" else "Connection: close")
    line.tick("on_start")
    await line.write("\r\n".join([*head, "", ""]).encode())
    for at in range(0, len(body), _PIECE):
        part = body[at : at + _PIECE]
        await line.write(b"%x\r\n%b\r\n" % (len(part), part) if framing == "chunked" else part)
    if framing == "chunked":
        await line.write(b"0\r\n\r\n")
    line.tick("on_finish")
    return framing != "close"


async def _good(line):
    """Paint; events, where they were asked for."""
    if line.attempt.body.get("stream") is True:
        return await _events(line)
    return await _send(line, answer(line.attempt.painter))


async def _framed(line, framing):
    """Paint, and answer in one of HTTP's ways to say where a body ends."""
    body = answer(line.attempt.painter)
    if framing == "gzip":
        return await _send(line, gzip.compress(body), "Content-Encoding: gzip")
    return await _send(line, body, framing=framing)


async def _counted(line):
    """Paint, and say what it took."""
    return await _send(line, answer(line.attempt.painter, usage=USAGE))


async def _events(line):
    painter, kind = line.attempt.painter, "image_generation"
    partials = [event(f"{kind}.partial_image", painter, partial_image_index=index) for index in range(2)]
    last = event(f"{kind}.completed", painter, usage=USAGE)
    return await _send(line, b"".join([*partials, last]), framing="chunked", kind="text/event-stream")


async def _silent(line):
    """Take the request, and never say a word."""
    await line.watch(_AN_HOUR)


async def _slow(line, seconds):
    """Paint after so long, unless nobody waits for it any more."""
    await line.watch(float(seconds))
    return await _good(line)


async def _html(line):
    return await _send(line, b"<html><body>Bad gateway</body></html>", kind="text/html")


async def _empty(line):
    return await _send(line, b'{"created": 1763600000, "data": []}')


async def _empty_but_counted(line):
    return await _send(line, answer(line.attempt.painter, usage=USAGE_OF_NOTHING).replace(b'"b64_json"', b'"nothing"'))


async def _broken(line, what):
    """Answer with a picture that is cut off inside sound JSON."""
    whole = painted(line.attempt.painter)
    body = answer(line.attempt.painter)
    if what == "base64":
        at = body.index(b'"}]')
        return await _send(line, body[: at - 1001] + body[at:])
    return await _send(line, answer(line.attempt.painter, whole[: len(whole) // 2]))


async def _large(line, size):
    """Answer with more than anybody has asked for."""
    return await _send(line, answer(line.attempt.painter, bytes(int(size))))


async def _large_chunked(line, size):
    return await _send(line, answer(line.attempt.painter, bytes(int(size))), framing="chunked")


FAULTS = {
    "good": _good,
    "framed": _framed,
    "counted": _counted,
    "silent": _silent,
    "slow": _slow,
    "html": _html,
    "empty": _empty,
    "empty-but-counted": _empty_but_counted,
    "broken": _broken,
    "large": _large,
    "large-chunked": _large_chunked,
}
