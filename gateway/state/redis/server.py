"""One Redis or Valkey server, as one process sees it: asked within bounds, and left alone while it does not answer."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from gateway.state.redis.ear import Ear
from gateway.state.redis.line import Line, ServerLost, Word, words_of
from gateway.state.redis.script import Script

_log = logging.getLogger("gateway.state")

CONNECT_SECONDS = 0.25
ANSWER_SECONDS = 0.25
PREFIX = "beamsplitter:"

_PAUSE_SECONDS = 0.5
_FREIGHT_LINES = 4
_MOST_ERRANDS = 1000


class Server:
    """Commands to one server, and news from it.

    What is small goes over one connection, what is large over others, so that no picture delays a count. Once the
    server does not answer, every command fails at once until it does again.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = PREFIX,
        connect_seconds: float = CONNECT_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        """Connect nowhere yet; raises `ValueError` for a URL that leads to no server."""
        self._class, self._options, self.place = _read(url)
        self._prefix = prefix.encode()
        self._lost: str | None = None
        self._seconds = connect_seconds + answer_seconds
        bounds = {"connect_seconds": connect_seconds, "answer_seconds": answer_seconds}
        self._express = Line(self.connection, self._lose, **bounds)
        self._freight = [Line(self.connection, self._lose, **bounds) for _ in range(_FREIGHT_LINES)]
        self._probe: asyncio.Task[None] | None = None
        self._errands: set[asyncio.Task[None]] = set()
        self._closed = self._looked = False
        self.ear = Ear(self.connection, self.key("news"), connect_seconds)

    @property
    def is_lost(self) -> bool:
        """Whether it does not answer at the moment, as far as is known."""
        return self._lost is not None

    def key(self, name: str | bytes) -> bytes:
        """Return the name of a key, or channel, of this gateway's."""
        return self._prefix + (name.encode("utf-8", "surrogatepass") if isinstance(name, str) else name)

    def connection(self) -> AbstractConnection:
        """Return a connection that is still to be made."""
        return self._class(**self._options)

    async def do(self, *words: Word) -> Any:  # noqa: ANN401 - whatever the server answers
        """Return the answer to a small command; raises `ServerLost`."""
        return await self._answer(self._express, words)

    async def carry(self, *words: Word, size: int) -> Any:  # noqa: ANN401
        """Return the answer to a command that moves many bytes in either direction; raises `ServerLost`."""
        return await self._answer(self._truck(), words, size)

    async def run(self, script: Script, keys: Sequence[Word], arguments: Sequence[Word] = (), *, size: int = 0) -> Any:  # noqa: ANN401
        """Return the answer of a script, sent in full where the server does not know it yet; raises `ServerLost`."""
        line = self._truck() if size else self._express
        try:
            return await self._asked(line, ("EVALSHA", script.digest, len(keys), *keys, *arguments), size)
        except NoScriptError:
            return await self._answer(line, ("EVAL", script.text, len(keys), *keys, *arguments), size)
        except ResponseError as error:
            raise ServerLost(f"{self.place}: {words_of(error)}") from None

    def tell(self, errand: Callable[..., Awaitable[Any]], *given: Any) -> None:  # noqa: ANN401
        """Have something done that nobody waits for, or not at all; it may end in `ServerLost`."""
        if len(self._errands) >= _MOST_ERRANDS or self._closed or self.is_lost:
            return
        task = asyncio.create_task(_quietly(errand, *given))
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def close(self) -> None:
        """Close every connection; nothing may be asked afterwards."""
        self._closed = True
        await self.ear.close()
        tasks = [*self._errands, *([] if self._probe is None else [self._probe])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for line in (self._express, *self._freight):
            await line.close()

    def _truck(self) -> Line:
        return min(self._freight, key=lambda line: line.load)

    async def _answer(self, line: Line, words: Sequence[Word], size: int = 0) -> Any:  # noqa: ANN401
        try:
            return await self._asked(line, words, size)
        except ResponseError as error:
            raise ServerLost(f"{self.place}: {words_of(error)}") from None

    async def _asked(self, line: Line, words: Sequence[Word], size: int = 0) -> Any:  # noqa: ANN401
        if self._lost is not None or self._closed:
            raise ServerLost(f"{self.place}: {self._lost or 'the gateway stops'}")
        if not self._looked:
            self._looked = True
            self.tell(self._look)
        try:
            return await line.ask(words, size)
        except ServerLost as lost:
            raise ServerLost(f"{self.place}: {lost}") from None

    async def _look(self) -> None:
        """Warn of a server that drops what must not be dropped."""
        told = (await self.do("INFO", "memory")).decode(errors="replace").splitlines()
        memory = dict(line.split(":", 1) for line in told if ":" in line)
        policy = memory.get("maxmemory_policy", "noeviction")
        if policy != "noeviction" and memory.get("maxmemory") != "0":
            _log.warning(
                "Redis at %s may drop budgets and idempotency keys before their time (maxmemory-policy %s): requests "
                "might be paid twice. Set it to noeviction.",
                self.place,
                policy,
            )

    def _lose(self, reason: str) -> None:
        if self._lost is not None or self._closed:
            return
        self._lost = reason
        _log.warning("Redis at %s is lost: %s; what it shares is done without, until it is back", self.place, reason)
        for line in (self._express, *self._freight):
            line.renew()
        self._probe = asyncio.create_task(self._find_again())

    async def _find_again(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            connection = self.connection()
            try:
                async with asyncio.timeout(self._seconds):
                    await connection.connect()  # type: ignore[no-untyped-call]
                    # A replica answers PING as well: one that takes no writes is not the server that is looked for.
                    await connection.send_command("SET", self.key("probe"), b"", "PX", 1, check_health=False)
                    await connection.read_response()
            except (RedisError, OSError, TimeoutError) as error:
                self._lost = words_of(error)
                continue
            finally:
                await connection.disconnect(nowait=True)
            self._lost = None
            _log.warning("Redis at %s is back", self.place)
            return


async def _quietly(errand: Callable[..., Awaitable[Any]], *given: Any) -> None:  # noqa: ANN401
    with contextlib.suppress(ServerLost):
        await errand(*given)


def _read(url: str) -> tuple[type[AbstractConnection], dict[str, Any], str]:
    try:
        options: dict[str, Any] = {**parse_url(url)}
        class_ = options.pop("connection_class", Connection)
        options |= {
            "protocol": 2,
            "socket_timeout": None,  # what is done is bounded as a whole
            "socket_connect_timeout": None,
            "retry": Retry(NoBackoff(), 0),
            "driver_info": None,
        }
        class_(**options)
    except (TypeError, ValueError, AttributeError, RedisError) as error:
        words = f" ({error})" if isinstance(error, TypeError) else ""  # it names an option, others may quote it
        raise ValueError(
            f"this is not the URL of a Redis server{words}; expected redis://[user:password@]host:port/number, "
            "rediss://… with TLS, or unix:///path/to/socket"
        ) from None
    if "path" in options:
        return class_, options, f"unix://{options['path']}"
    scheme = "redis" if class_ is Connection else "rediss"
    place = f"{scheme}://{options.get('host', 'localhost')}:{options.get('port', 6379)}/{options.get('db', 0)}"
    return class_, options, place
