"""What gateways tell each other at once: who asked to be left alone, and that configs changed."""

import secrets
from collections.abc import Callable

import orjson

from gateway.state.redis.script import CLOCK, Script
from gateway.state.redis.server import Server

_LONGEST_SECONDS = 86_400.0
_MOST = 10_000
"""Marks that are remembered; those that end first go first."""

_CLOCK_MS = CLOCK + "now = math.floor(now * 1000)\n"

# KEYS: marks; ARGV: mark, milliseconds, channel, news
_SET = Script(
    _CLOCK_MS
    + f"""
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
redis.call('ZADD', KEYS[1], 'GT', string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -{_MOST + 1})
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', tonumber(last[2])))
return redis.call('PUBLISH', ARGV[3], ARGV[4])
"""
)
_LIVE = Script(
    _CLOCK_MS
    + """
local found = redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%.0f', now), '+inf', 'WITHSCORES')
for n = 2, #found, 2 do found[n] = string.format('%.0f', tonumber(found[n]) - now) end
return found
"""
)

_MARK, _RING = b"mark", b"ring"

OnMark = Callable[[bytes, str, float], None]


class Marks:
    """Throttle marks: one that is set by a gateway holds in all of them, until it ends."""

    def __init__(self, server: Server) -> None:
        """Tell and hear by a server."""
        self._server = server
        self._key = server.key("marks")
        self._self = secrets.token_hex(8)

    def publish(self, identity: bytes, model: str, seconds: float) -> None:
        """Tell the others that a target asked to be left alone; nobody waits for it, and it never fails."""
        if not seconds > 0:
            return
        milliseconds = int(min(seconds, _LONGEST_SECONDS) * 1000)
        mark = orjson.dumps([identity.hex(), model.encode("utf-8", "replace").decode()])
        news = _MARK + b" " + orjson.dumps([self._self, mark.decode(), milliseconds])
        arguments = [mark, max(milliseconds, 1), self._server.ear.channel, news]
        self._server.tell(self._server.run, _SET, [self._key], arguments)

    def listen(self, on_mark: OnMark) -> None:
        """Have marks of others told from now on, those that hold already too: identity, model, and for how long."""

        def hear(news: bytes) -> None:
            sender, mark, milliseconds = orjson.loads(news)
            if sender != self._self:
                _tell(on_mark, mark, milliseconds)

        async def begin() -> None:
            found = await self._server.run(_LIVE, [self._key])
            for mark, milliseconds in zip(found[::2], found[1::2], strict=True):
                _tell(on_mark, mark, int(milliseconds))

        self._server.ear.on(_MARK, hear, begin)


class Bell:
    """Rings when configs or keys changed, so that the other gateways look at once."""

    def __init__(self, server: Server) -> None:
        """Ring and hear by a server."""
        self._server = server

    def ring(self) -> None:
        """Tell the others; nobody waits for it, and it never fails."""
        self._server.tell(self._server.do, "PUBLISH", self._server.ear.channel, _RING + b" ")

    def listen(self, on_ring: Callable[[], None]) -> None:
        """Be told from now on, also whenever a ring may have been missed, and of one's own."""

        async def begin() -> None:
            on_ring()

        self._server.ear.on(_RING, lambda _: on_ring(), begin)


def _tell(on_mark: OnMark, mark: bytes | str, milliseconds: int) -> None:
    identity, model = orjson.loads(mark)
    on_mark(bytes.fromhex(identity), model, milliseconds / 1000)
