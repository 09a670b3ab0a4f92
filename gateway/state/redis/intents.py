"""What is asked for under a key, and its answer, noted where all gateways look.

Whoever runs a request holds a lease beside its intent; who then finds an intent without an answer and without a lease
knows that nobody knows what became of it.
"""

import asyncio
import contextlib
import errno
import functools
import logging
import secrets
from collections.abc import AsyncGenerator, Awaitable, Iterable
from typing import Any

import orjson

from gateway.state.claims import KEEP_SECONDS, Answered, Headers, Verdict
from gateway.state.redis import pieces as pieces_
from gateway.state.redis.intent_scripts import ABANDON, CLAIM, FORGET, KEEP, RENEW, VERDICTS
from gateway.state.redis.leases import LEASE_MS, Leases
from gateway.state.redis.line import ServerLost, Word
from gateway.state.redis.pieces import PIECE_BYTES, PieceMissing, Pieces
from gateway.state.redis.script import Script
from gateway.state.redis.server import Server

_log = logging.getLogger("gateway.state")

ANSWER_BYTES = 64 << 20
"""Larger answers are not kept."""

_KEEP = int(KEEP_SECONDS)
_PAUSE_SECONDS = 0.5
_MOST_UNDONE = 10_000


class RedisIntents:
    """Intents and answers that all gateways share, each for a day.

    The server must not drop them before their time (`maxmemory-policy noeviction`), or a request may be made again.
    """

    def __init__(self, server: Server) -> None:
        """Note them on a server."""
        self.server = server
        self.leases = Leases()
        self._undone: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    async def claim(self, name: str, fingerprint: str) -> "RedisClaim | Answered | Verdict":
        """Return the right to make a request, or why it must not be made; raises `OSError` where it is not noted."""
        token = secrets.token_hex(16)
        try:
            found = await self.run(CLAIM, name, token, fingerprint, LEASE_MS, _KEEP)
        except (OSError, asyncio.CancelledError):
            self._undo(name, token)  # it may have been noted all the same, and nothing is going to be sent
            raise
        if isinstance(found, list):
            return self._answered(found)
        if found:
            return VERDICTS[found]
        claim = RedisClaim(self, name, token, fingerprint)
        self.leases.hold(token, claim.renew)
        return claim

    async def sweep(self) -> None:
        """Do nothing: the server removes what is old."""

    async def close(self) -> None:
        """Let all leases end."""
        await self.leases.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def forget(self, name: str, token: str) -> None:
        """Remove an intent, later if it cannot be done now."""
        try:
            await self.run(FORGET, name, token, "")
        except (OSError, asyncio.CancelledError) as error:
            self._undo(name, token)
            if isinstance(error, asyncio.CancelledError):
                raise

    async def run(self, script: Script, name: str, token: str, *arguments: Word) -> Any:  # noqa: ANN401 - the server's
        """Return what a script says of an intent; raises `OSError`."""
        keys = [self.server.key(f"{{intent:{name}}}{what}") for what in ("", ":lease", f":gone:{token}")]
        return await _told(self.server.run(script, keys, [token, *arguments]))

    def _answered(self, found: list[bytes]) -> Answered:
        status, headers, size, place, count = found
        read = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in orjson.loads(headers)]
        pieces = Pieces(place.decode(), int(count), int(size))
        return Answered(int(status), read, pieces.size, functools.partial(_read, self.server, pieces))

    def _undo(self, name: str, token: str) -> None:
        if len(self._undone) < _MOST_UNDONE:
            self._undone[token] = name
        if self._task is None:
            self._task = asyncio.create_task(self._undo_all())

    async def _undo_all(self) -> None:
        try:
            while self._undone:
                token, name = next(iter(self._undone.items()))
                try:
                    await self.run(FORGET, name, token, "late")
                except OSError:
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                del self._undone[token]
        finally:
            self._task = None


class RedisClaim:
    """The right to make one request, as long as its lease is renewed."""

    def __init__(self, intents: RedisIntents, name: str, token: str, fingerprint: str) -> None:
        """Hold what was noted under a token."""
        self._intents = intents
        self._name = name
        self._token = token
        self._fingerprint = fingerprint

    async def renew(self) -> None:
        """Go on holding it, even if the server forgot it meanwhile."""
        try:
            await self._intents.run(RENEW, self._name, self._token, self._fingerprint, LEASE_MS, _KEEP)
        except OSError as error:
            raise ServerLost(str(error)) from None

    async def keep(self, status: int, headers: Headers, pieces: Iterable[bytes]) -> None:
        """Keep the answer and give the right back; raises `OSError` where the answer cannot be kept."""
        server = self._intents.server
        try:
            held = await _told(pieces_.write(server, _gathered(pieces), (_KEEP + 60) * 1000))
            lines = orjson.dumps([[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers])
            about = (status, lines, held.size, held.name, held.count)
            if not await self._finish("kept", *about):
                pieces_.drop(server, held)
        except OSError as error:
            if error.errno == errno.EFBIG:
                await self._finish("lost")
            raise
        finally:
            self._intents.leases.release(self._token)

    async def forget(self) -> None:
        """Give the right back as if nothing had been asked."""
        self._intents.leases.release(self._token)
        await self._intents.forget(self._name, self._token)

    async def abandon(self) -> None:
        """Give the right back without a word about what became of the request."""
        self._intents.leases.release(self._token)
        with contextlib.suppress(OSError):  # the lease ends by itself
            await self._intents.run(ABANDON, self._name, self._token)

    async def _finish(self, state: str, *about: Word) -> bool:
        run = self._intents.run(KEEP, self._name, self._token, self._fingerprint, _KEEP, state, *about)
        return bool(await run)


async def _told(coming: Awaitable[Any]) -> Any:  # noqa: ANN401
    try:
        return await coming
    except ServerLost as lost:
        raise OSError(errno.EIO, str(lost)) from None


def _gathered(pieces: Iterable[bytes]) -> Iterable[bytes]:
    """Yield pieces of one size; raises `OSError` where they are too many."""
    held, total = bytearray(), 0
    for piece in pieces:
        total += len(piece)
        if total > ANSWER_BYTES:
            raise OSError(errno.EFBIG, f"it is larger than {ANSWER_BYTES} bytes")
        view = memoryview(piece)
        while len(held) + len(view) >= PIECE_BYTES:
            room = PIECE_BYTES - len(held)
            held += view[:room]
            view = view[room:]
            yield bytes(held)
            held.clear()
        held += view
    if held:
        yield bytes(held)


async def _read(server: Server, pieces: Pieces) -> AsyncGenerator[bytes, None]:
    for number in range(pieces.count):
        try:
            yield await pieces_.read(server, pieces, number)
        except (ServerLost, PieceMissing) as error:
            raise OSError(errno.EIO, str(error) or "part of it is gone") from None
