"""What gateways tell each other: one connection that listens, made again whenever it is lost."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from gateway.state.redis.line import ServerLost

_log = logging.getLogger("gateway.state")

_PAUSE_SECONDS = 0.5
_SILENCE_SECONDS = 1.0

Hear = Callable[[bytes], None]
Begin = Callable[[], Awaitable[None]]


class Ear:
    """Hears what is published on one channel, by topic; between two connections news may pass unheard."""

    def __init__(self, make: Callable[[], AbstractConnection], channel: bytes, connect_seconds: float) -> None:
        """Listen to nothing yet."""
        self._make = make
        self._seconds = connect_seconds
        self.channel = channel
        self._topics: dict[bytes, tuple[Hear, Begin | None]] = {}
        self._task: asyncio.Task[None] | None = None

    def on(self, topic: bytes, hear: Hear, begin: Begin | None = None) -> None:
        """Have news of a topic told from now on; `begin` is called whenever some may have been missed."""
        self._topics[topic] = (hear, begin)
        self._task = asyncio.create_task(self._listen(self._task))

    async def close(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            before.cancel()
            await asyncio.gather(before, return_exceptions=True)
        while True:
            connection = self._make()
            try:
                async with asyncio.timeout(2 * self._seconds):
                    await connection.connect()  # type: ignore[no-untyped-call]
                    await connection.send_command("SUBSCRIBE", self.channel, check_health=False)
                    await connection.read_response()
                await self._begin()
                await self._hear(connection)
            except (RedisError, OSError, TimeoutError, ServerLost):
                pass  # the server's own line says so in the log
            finally:
                await connection.disconnect(nowait=True)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _begin(self) -> None:
        for _, begin in [*self._topics.values()]:
            if begin is None:
                continue
            try:
                await begin()
            except ServerLost:
                raise
            except Exception:  # noqa: BLE001 - as below
                _log.exception("what other gateways said before was not understood")

    async def _hear(self, connection: AbstractConnection) -> None:
        silent = False
        while True:
            news = await connection.read_response(timeout=_SILENCE_SECONDS)
            if news is None:
                if silent:
                    raise TimeoutError
                silent = True
                await connection.send_command("PING", check_health=False)
                continue
            silent = False
            self._pass_on(news)

    def _pass_on(self, news: Any) -> None:  # noqa: ANN401 - a list of the kind, the channel and the message
        if news[0] != b"message":
            return
        topic, _, message = news[2].partition(b" ")
        hear, _ = self._topics.get(topic, (None, None))
        if hear is None:
            return
        try:
            hear(message)
        except Exception:  # noqa: BLE001 - anybody may publish anything; the next message is to be heard
            _log.exception("news from another gateway were not understood")
