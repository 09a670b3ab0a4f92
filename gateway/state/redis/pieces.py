"""Large values in pieces: no command moves more than a megabyte, and no reader holds more than the value itself."""

import asyncio
import io
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.state.redis.line import ServerLost, Word
from gateway.state.redis.server import Server

PIECE_BYTES = 1 << 20
_AT_ONCE = 4
_UNFINISHED_SECONDS = 60


class PieceMissing(Exception):
    """Part of a value is gone."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """Where the bytes of one value are."""

    name: str
    count: int
    size: int

    def key(self, server: Server, number: int) -> bytes:
        """Return the key of one piece; each is on its own, wherever a cluster puts it."""
        return server.key(f"piece:{self.name}:{number}")


async def write(server: Server, content: Iterable[Word], milliseconds: int) -> Pieces:
    """Keep pieces of at most a megabyte, and return where; raises `ServerLost`, and keeps none of them then."""
    name, count, size = secrets.token_hex(16), 0, 0
    sent: list[Word] = []
    pieces = Pieces(name, 0, 0)
    try:
        for piece in content:
            sent.append(piece)
            if len(sent) == _AT_ONCE:
                count, size = await _send(server, pieces, sent, size)
                pieces, sent = Pieces(name, count, size), []
        count, size = await _send(server, pieces, sent, size)
        pieces = Pieces(name, count, size)
        # Only what is whole is kept for long: a gateway that dies half way leaves nothing for a week.
        await asyncio.gather(
            *(server.do("PEXPIRE", pieces.key(server, number), milliseconds) for number in range(count))
        )
    except BaseException:
        drop(server, Pieces(name, pieces.count + _AT_ONCE, 0))
        raise
    return pieces


async def _send(server: Server, pieces: Pieces, sent: list[Word], size: int) -> tuple[int, int]:
    lengths = [len(piece) for piece in sent if not isinstance(piece, int)]
    await asyncio.gather(
        *(
            server.carry(
                "SET", pieces.key(server, pieces.count + number), piece, "EX", _UNFINISHED_SECONDS, size=length
            )
            for number, (piece, length) in enumerate(zip(sent, lengths, strict=True))
        )
    )
    return pieces.count + len(sent), size + sum(lengths)


async def read(server: Server, pieces: Pieces, number: int) -> bytes:
    """Return one piece; raises `PieceMissing` or `ServerLost`."""
    expected = min(PIECE_BYTES, pieces.size - number * PIECE_BYTES)
    piece: bytes | None = await server.carry("GET", pieces.key(server, number), size=expected)
    if piece is None or len(piece) != expected:
        raise PieceMissing
    return piece


async def whole(server: Server, pieces: Pieces) -> bytes:
    """Return all of a value; raises `PieceMissing` or `ServerLost`."""
    value = io.BytesIO()  # what it holds becomes the result without being copied
    for start in range(0, pieces.count, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, pieces.count))
        for piece in await asyncio.gather(*(read(server, pieces, number) for number in numbers)):
            value.write(piece)
    return value.getvalue()


def drop(server: Server, pieces: Pieces) -> None:
    """Remove a value, sooner or later."""
    server.tell(_removed, server, pieces)


async def _removed(server: Server, pieces: Pieces) -> None:
    for number in range(pieces.count):
        await server.do("UNLINK", pieces.key(server, number))


def slices(value: bytes) -> Iterable[memoryview]:
    """Yield the pieces of a value, without copying them."""
    view = memoryview(value)
    for start in range(0, len(view), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]


__all__ = ["PIECE_BYTES", "PieceMissing", "Pieces", "ServerLost", "drop", "read", "slices", "whole", "write"]
