"""What the wall does besides, for the promises: answers that are lost anywhere, and every spelling of Retry-After."""

import asyncio
import json

from tests.end_to_end.wall.faults import FAULTS, Refusal
from tests.end_to_end.wall.pictures import answer
from tests.end_to_end.wall.proxy import _reset

_AN_HOUR = 3600.0


class _Tape:
    """Stands for a line, to learn what an answer is made of."""

    def __init__(self, attempt):
        self.attempt = attempt
        self.data = b""

    def tick(self, point):
        pass

    async def write(self, data):
        self.data += data


async def _lost(line, framing, thousandths, end):
    """Paint, and lose the answer behind so many thousandths of it.

    The provider has noticed nothing, and bills as if it had been read to its end; unless it `died` itself.
    """
    tape = _Tape(line.attempt)
    await FAULTS["framed"](tape, framing)
    line.tick("on_start")
    if end != "died":
        line.tick("on_finish")
    await line.write(tape.data[: len(tape.data) * int(thousandths) // 1000])
    if end == "silence":
        await line.watch(_AN_HOUR)
    elif end == "reset":
        _reset(line.writer)
    return False


async def _dribble(line):
    """Answer a few bytes at a time, for longer than anybody waits."""
    body = answer(line.attempt.painter)
    line.tick("on_start")
    await line.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body))
    for at in range(0, len(body), 16):
        await line.write(body[at : at + 16])
        await asyncio.sleep(0.02)
    line.tick("on_finish")


def _pushed(line, before, lines, status="429"):
    """Refuse the first attempt of a tenant at this target, with header lines that are written as JSON in hex."""
    if any(attempt.painter.target == line.attempt.painter.target for attempt in before):
        return None
    return Refusal(int(status), {"error": {"message": "scripted pause"}}, tuple(json.loads(bytes.fromhex(lines))))


def pushed(*lines, status=429):
    """Return the model that refuses once with these header lines."""
    return f"pushed:{json.dumps(lines).encode().hex()}:{status}"


MORE_FAULTS = {"lost": _lost, "dribble": _dribble}
MORE_REFUSALS = {"pushed": _pushed}
