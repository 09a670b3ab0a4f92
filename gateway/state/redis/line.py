"""One connection to a server: what is asked at once goes out together, and the answers come in the same order."""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ClusterDownError, ReadOnlyError, RedisError, ResponseError

Word = bytes | bytearray | memoryview | str | int

_MOST_WAITING = 10_000
_BATCH_BYTES = 1 << 21
_BATCH_COMMANDS = 512
_SLOWEST = 1 << 20
"""Bytes a second: what takes longer is not waited for."""
_HELD_UP = 0.05
_WRONG_SERVER = (ReadOnlyError, ClusterDownError)
"""Replies of a server that is no longer the one to ask, as after a failover."""


class ServerLost(Exception):
    """The server did not do as it was asked: nobody knows what it holds now."""


@dataclass(slots=True, eq=False)
class _Asked:
    packed: Sequence[bytes]
    answer: "asyncio.Future[Any]"
    size: int
    """Bytes that are sent, and expected, beyond a few."""


class Line:
    """Asks one thing after the other, without waiting for the answers in between."""

    def __init__(
        self,
        make: Callable[[], AbstractConnection],
        lose: Callable[[str], None],
        *,
        connect_seconds: float,
        answer_seconds: float,
    ) -> None:
        """Connect when something is asked; tell `lose` why a connection is given up."""
        self._make = make
        self._pack = make().pack_command
        self._lose = lose
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._connection: AbstractConnection | None = None
        self._stale = False
        self._waiting: deque[_Asked] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def load(self) -> int:
        """How much is waiting to be asked."""
        return len(self._waiting) + (self._task is not None)

    def ask(self, words: Sequence[Word], size: int = 0) -> "asyncio.Future[Any]":
        """Return what will be the answer; it may be an error of the server, or `ServerLost`."""
        if len(self._waiting) >= _MOST_WAITING:
            raise ServerLost("too much is waiting for it already")
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(self._pack(*words), answer, size))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return answer

    def renew(self) -> None:
        """Ask over a new connection from now on."""
        self._stale = True

    async def close(self) -> None:
        """Give up what is waiting, and close the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._give_up([], "the gateway stops")  # a task that had not begun told nobody
        await self._disconnect()

    async def _run(self) -> None:
        batch: list[_Asked] = []
        try:
            while self._waiting:
                batch, size = self._next()
                await self._exchange(batch, size)
        except (RedisError, OSError, TimeoutError) as error:
            reason = words_of(error)
            self._give_up(batch, reason)
            self._lose(reason)
            await self._disconnect()
        except asyncio.CancelledError:
            self._give_up(batch, "the gateway stops")
            raise
        finally:
            self._task = None
            if self._waiting:  # somebody asked while the connection was closed
                self._task = asyncio.create_task(self._run())

    def _next(self) -> tuple[list[_Asked], int]:
        batch = [self._waiting.popleft()]
        size = batch[0].size
        while self._waiting and len(batch) < _BATCH_COMMANDS and size + self._waiting[0].size <= _BATCH_BYTES:
            batch.append(self._waiting.popleft())
            size += batch[-1].size
        return batch, size

    async def _exchange(self, batch: list[_Asked], size: int) -> None:
        connection = await self._connected()
        packed = [piece for asked in batch for piece in asked.packed]
        async with _Bound(self._answer_seconds + size / _SLOWEST):
            await connection.send_packed_command(packed if size else b"".join(packed), check_health=False)
            for asked in batch:
                try:
                    answer = await connection.read_response(timeout=math.inf)
                except _WRONG_SERVER:
                    raise
                except ResponseError as error:
                    if not asked.answer.done():
                        asked.answer.set_exception(error)
                else:
                    if not asked.answer.done():
                        asked.answer.set_result(answer)

    async def _connected(self) -> AbstractConnection:
        # Servers and balancers close what is idle: that is no reason to believe that the server is gone.
        if self._connection is not None and (self._stale or await self._connection.can_read()):
            await self._disconnect()
        if self._connection is None:
            connection = self._make()
            try:
                async with _Bound(self._connect_seconds):
                    await connection.connect()  # type: ignore[no-untyped-call]
            except BaseException:
                await connection.disconnect(nowait=True)
                raise
            self._connection, self._stale = connection, False
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    def _give_up(self, batch: list[_Asked], reason: str) -> None:
        for asked in (*batch, *self._waiting):
            if not asked.answer.done():
                asked.answer.set_exception(ServerLost(reason))
                asked.answer.exception()  # whoever asked may have left: that is no news for the log
        self._waiting.clear()


class _Bound:
    """A time limit that does not take a hold-up of the event loop for one of the server."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(None)
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._wind()

    async def __aexit__(self, *raised: Any) -> None:  # noqa: ANN401, PYI036 - as the timeout takes them
        self._timer.cancel()
        await self._timeout.__aexit__(*raised)

    def _wind(self) -> None:
        self._due = self._loop.time() + self._seconds
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        if self._loop.time() - self._due > _HELD_UP:
            self._wind()  # the answer may have been here for long, unread
        else:
            self._timeout.reschedule(self._loop.time())


def words_of(error: BaseException) -> str:
    """Return what went wrong in one line; neither says how the server was logged in to."""
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
