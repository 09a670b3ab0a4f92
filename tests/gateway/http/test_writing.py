"""How bodies leave: small ones in one piece, large ones in pieces between which others have their turn."""

import asyncio

import pytest

from gateway.http.reply import write

MIB = 1 << 20


@pytest.mark.parametrize(
    ("size", "pieces"), [(0, 1), (2 * MIB, 1), (4 * MIB, 1), (4 * MIB + 1, 5), (7 * MIB + 5, 8), (8 * MIB, 8)], ids=str
)
@pytest.mark.parametrize("kind", [bytes, bytearray])
async def test_a_body_that_is_there_leaves_whole(kind, size, pieces):
    body = kind(b"picture!" * (size // 8 + 1))[:size]
    sent, turns, others = [], [], 0

    async def send(message):
        sent.append(message)
        turns.append(others)

    async def goes_on():
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(goes_on())
    await write(send, 200, [], body)
    beside.cancel()
    start, *parts = sent
    assert start["headers"] == [(b"content-length", b"%d" % size)]
    assert b"".join(part["body"] for part in parts) == body
    assert [part.get("more_body", False) for part in parts] == [True] * (pieces - 1) + [False]
    assert len(set(turns[1:])) == pieces
