"""The store of keys and bytes that gateways share."""

from collections.abc import Awaitable
from typing import TypeVar

from gateway.state.protocol import StateLost
from gateway.state.redis import pieces as pieces_
from gateway.state.redis.line import ServerLost
from gateway.state.redis.pieces import PieceMissing, Pieces
from gateway.state.redis.script import Script
from gateway.state.redis.server import Server

_Result = TypeVar("_Result")

WHOLE_BYTES = 1 << 18
"""Values up to this size are kept as they are, larger ones in pieces."""
LONGEST_BYTES = 96 << 20

_MARK = b"\x00pieces\x00"
_MARK_AND_PLACE = 64

_PUT = Script(f"""
local before = redis.call('GETRANGE', KEYS[1], 0, {_MARK_AND_PLACE - 1})
if ARGV[3] == 'add' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return before
""")
_DROP = Script(f"""
local before = redis.call('GETRANGE', KEYS[1], 0, {_MARK_AND_PLACE - 1})
redis.call('UNLINK', KEYS[1])
return before
""")
_COUNT = Script("""
local number = redis.call('INCR', KEYS[1])
if number == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return number
""")


class RedisState:
    """Live state that outlives its gateways: each method is one step for whoever else uses the server."""

    def __init__(self, server: Server) -> None:
        """Keep it on a server; how much of it there may be is the server's to say (`maxmemory`)."""
        self._server = server

    async def get(self, key: bytes) -> bytes | None:
        """Return what is kept, if it is."""
        value: bytes | None = await _kept(self._server.carry("GET", self._key(key), size=0))
        if value is None or not value.startswith(_MARK):
            return value
        try:
            return await _kept(pieces_.whole(self._server, _unpacked(value)))
        except (PieceMissing, ValueError):  # somebody put something else in its place a moment ago
            return None

    async def put(self, key: bytes, value: bytes, seconds: float) -> None:
        """Keep something for so many seconds, in the place of what was there; what is too large is not kept."""
        await self._put(key, value, seconds, "put")

    async def add(self, key: bytes, value: bytes, seconds: float) -> bool:
        """Keep something unless there is something already; return whether it is kept now."""
        return await self._put(key, value, seconds, "add")

    async def drop(self, key: bytes) -> None:
        """Forget what is kept."""
        self._let_go(await _kept(self._server.run(_DROP, [self._key(key)])))

    async def count(self, key: bytes, seconds: float) -> int:
        """Add one to a number and return it; so many seconds after its first one it begins anew."""
        number: int = await _kept(self._server.run(_COUNT, [self._key(key)], [_milliseconds(seconds)]))
        return number

    async def _put(self, key: bytes, value: bytes, seconds: float, how: str) -> bool:
        if len(value) > LONGEST_BYTES:
            await self.drop(key)
            return False
        milliseconds, held = _milliseconds(seconds), None
        if len(value) > WHOLE_BYTES or value.startswith(_MARK):
            held = await _kept(pieces_.write(self._server, pieces_.slices(value), milliseconds + 60_000))
            value = _packed(held)
        try:
            before = await _kept(self._server.run(_PUT, [self._key(key)], [value, milliseconds, how], size=len(value)))
        except StateLost:
            if held is not None:
                pieces_.drop(self._server, held)
            raise
        if before == 0:
            if held is not None:
                pieces_.drop(self._server, held)
            return False
        self._let_go(before)
        return True

    def _let_go(self, before: bytes) -> None:
        if before.startswith(_MARK):
            pieces_.drop(self._server, _unpacked(before))

    def _key(self, key: bytes) -> bytes:
        return self._server.key(b"state:" + key)


async def _kept(coming: Awaitable[_Result]) -> _Result:
    try:
        return await coming
    except ServerLost as lost:
        raise StateLost(str(lost)) from None


def _milliseconds(seconds: float) -> int:
    return max(int(seconds * 1000), 1)


def _packed(pieces: Pieces) -> bytes:
    return _MARK + f"{pieces.name}:{pieces.count}:{pieces.size}".encode()


def _unpacked(value: bytes) -> Pieces:
    name, count, size = value.removeprefix(_MARK).decode().split(":")
    return Pieces(name, int(count), int(size))
