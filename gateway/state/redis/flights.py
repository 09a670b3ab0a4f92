"""One call for all who want the same, whichever gateway they ask."""

import asyncio
import functools
import secrets
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from gateway.state.flights import Flights, Verdict
from gateway.state.redis.leases import LEASE_MS, Leases
from gateway.state.redis.line import ServerLost
from gateway.state.redis.script import Script
from gateway.state.redis.server import Server

_Result = TypeVar("_Result")
_Pair = tuple[_Result, bool]

_LOOK_SECONDS = 0.25
"""How often a waiting gateway asks, although it should be told."""
_REMEMBERED_MS = 30_000
_APART_SECONDS = 5.0

# KEYS: lease, whether somebody waits, how the last flight ended; ARGV: token, milliseconds, whose flight was waited for
_JOIN = Script(f"""
local ended = ARGV[3] ~= '' and redis.call('GET', KEYS[3])
if ended == ARGV[3] .. ' for all' then return 'look' end
if ended == ARGV[3] .. ' each' then return 'each' end
local leader = redis.call('GET', KEYS[1])
if not leader or leader == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 'lead'
end
redis.call('SET', KEYS[2], '', 'PX', {_REMEMBERED_MS})
return leader
""")
_RENEW = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
""")
# ARGV: token, verdict, channel, news
_LAND = Script(f"""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if redis.call('DEL', KEYS[2]) == 1 then
  redis.call('SET', KEYS[3], ARGV[1] .. ' ' .. ARGV[2], 'PX', {_REMEMBERED_MS})
  redis.call('PUBLISH', ARGV[3], ARGV[4])
end
return 1
""")
_TOPIC = b"flight"


class RedisFlights(Generic[_Result]):
    """Flights of all gateways: here they wait for each other in memory, and one of them for those elsewhere.

    What one gateway got the others find where it was kept. Without the server each gateway is on its own.
    """

    def __init__(self, server: Server) -> None:
        """Begin with none."""
        self._server = server
        self._here: Flights[tuple[_Result, bool]] = Flights()
        self._leases = Leases()
        self._waiting: dict[bytes, asyncio.Event] = {}
        self._each: dict[bytes, float] = {}
        """What is not for sharing, and until when nobody tries."""
        self._listens = False

    async def join(
        self,
        key: bytes,
        call: Callable[[], Awaitable[_Result]],
        judge: Callable[[_Result], Verdict],
        *,
        until: float,
        look: Callable[[], Awaitable[_Result | None]],
        anew: bool = False,
    ) -> tuple[_Result, bool]:
        """Return a result, and whether this request made the call itself; see `SingleFlight`."""
        across = functools.partial(self._across, key, call, judge, look, until, anew)
        (result, made), first = await self._here.join(key, across, lambda pair: judge(pair[0]), until=until)
        return result, made and first

    async def close(self) -> None:
        """Let go of what is led here."""
        await self._leases.close()

    async def _across(
        self,
        key: bytes,
        call: Callable[[], Awaitable[_Result]],
        judge: Callable[[_Result], Verdict],
        look: Callable[[], Awaitable[_Result | None]],
        until: float,
        anew: bool,  # noqa: FBT001 - the caller's own word
    ) -> _Pair[_Result]:
        if not self._listens:
            self._listens = True
            self._server.ear.on(_TOPIC, self._told)
        if self._each.get(key, 0.0) > asyncio.get_running_loop().time():
            return await call(), True
        token = secrets.token_hex(8)
        try:
            found = await self._turn(key, token, look, until)
            if found is None and not anew:  # it may have been made between the caller's own look and this turn
                found = await look()
        except ServerLost:
            return await call(), True
        except BaseException:
            self._server.tell(self._land, key, token, "next")
            raise
        if found is not None:
            self._server.tell(self._land, key, token, "for all")
            return found, False
        self._leases.hold(token, functools.partial(self._renew, key, token))
        verdict: Verdict = "next"
        try:
            result = await call()
            verdict = judge(result)
            if verdict == "each":
                self._keep_apart(key)
        finally:
            self._leases.release(token)
            self._server.tell(self._land, key, token, verdict)
        return result, True

    async def _turn(
        self, key: bytes, token: str, look: Callable[[], Awaitable[_Result | None]], until: float
    ) -> _Result | None:
        """Wait until this gateway leads, or for what another one got."""
        leader, event = b"", asyncio.Event()
        while True:
            self._waiting[key] = event  # one waits for each key, as the others here wait for it
            event.clear()
            try:
                answer: bytes = await self._server.run(_JOIN, self._keys(key), [token, LEASE_MS, leader])
                if answer == b"each":
                    self._keep_apart(key)
                if answer in (b"lead", b"each"):
                    return None
                if answer != b"look":
                    leader = answer
                    await self._news(event, until)
                    continue
            finally:
                self._waiting.pop(key, None)
            found = await look()
            if found is not None:
                return found
            leader = b""  # it is not kept any more, or was too large to be: it has to be made again

    def _keep_apart(self, key: bytes) -> None:
        now = asyncio.get_running_loop().time()
        self._each = {other: until for other, until in self._each.items() if until > now}
        self._each[key] = now + _APART_SECONDS

    async def _news(self, event: asyncio.Event, until: float) -> None:
        now = asyncio.get_running_loop().time()
        if now >= until:
            raise TimeoutError
        try:
            async with asyncio.timeout_at(min(until, now + _LOOK_SECONDS)):
                await event.wait()
        except TimeoutError:
            if asyncio.get_running_loop().time() >= until:
                raise

    def _told(self, news: bytes) -> None:
        event = self._waiting.get(bytes.fromhex(news.decode()))
        if event is not None:
            event.set()

    async def _renew(self, key: bytes, token: str) -> None:
        await self._server.run(_RENEW, self._keys(key)[:1], [token, LEASE_MS])

    async def _land(self, key: bytes, token: str, verdict: Verdict) -> None:
        news = _TOPIC + b" " + key.hex().encode()
        await self._server.run(_LAND, self._keys(key), [token, verdict, self._server.ear.channel, news])

    def _keys(self, key: bytes) -> list[bytes]:
        name = f"{{flight:{key.hex()}}}"
        return [self._server.key(name + what) for what in (":lease", ":wanted", ":end")]
