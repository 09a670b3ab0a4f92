"""Idempotency keys: one key is one run, whoever repeats it, whichever worker is asked, whatever its caller does."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from gateway.delivery.store import in_thread
from gateway.errors import GatewayError, Overloaded
from gateway.http.keyed import HEADER, fingerprint_of, refused
from gateway.http.reply import Answer, Content, Headers
from gateway.http.sliced import Sliced
from gateway.http.spool import Closing
from gateway.images import ImageRequest, Room
from gateway.seldom import SELDOM
from gateway.state.claims import Answered, Claim, Claims, Verdict
from gateway.state.in_threads import InThreads
from gateway.state.intents import Intents
from gateway.transport import UNCOUNTED

_log = logging.getLogger("gateway.http")

_ELSEWHERE_SECONDS = 30.0
"""How long a request waits for one that runs in another process."""
_LOOK_SECONDS = 0.1
REPLAYED = (b"idempotent-replayed", b"true")
"""The header of an answer that another request has had."""
_OF_ITS_OWN = frozenset({b"x-portkey-trace-id", b"server-timing"})
"""Headers of the request that was answered first, which say nothing of another one."""


class Work(Protocol):
    """What a key stands for."""

    @property
    def sent(self) -> bool:
        """Whether anything has been sent to a provider by now."""
        ...

    async def __call__(self) -> tuple[Answer, bool]:
        """Return the answer, and whether it is to be kept for whoever repeats the request."""
        ...


@dataclass(slots=True, eq=False)
class _Run:
    """One run, and how many need what it holds."""

    fingerprint: str
    closing: Closing
    task: "asyncio.Task[Answer | Answered | Verdict] | None" = None
    users: int = 1

    def leave(self) -> None:
        self.users -= 1
        if not self.users:
            for close in self.closing:
                close()


class Once:
    """Runs what is asked for under a key once, and gives everybody who asks for it the same answer."""

    def __init__(self, intents: Claims | Intents | None) -> None:
        """Keep intents and answers there, in threads where it is a folder; without a place no key is accepted."""
        self._intents = InThreads(intents, in_thread) if isinstance(intents, Intents) else intents
        self._runs: dict[str, _Run] = {}

    async def answer(
        self, key: str, request: ImageRequest, version: str, work: Work, closing: Closing, *, until: float
    ) -> Answer:
        """Return the answer of the one run there is.

        `closing` is what the request holds; the run takes it over, as it goes on where the caller leaves.
        """
        if self._intents is None:
            raise GatewayError(
                "Idempotency keys need a folder that can be written to: start the gateway with --data DIR, "
                f"or leave the {HEADER} header out.",
                param=HEADER,
            )
        fingerprint = await fingerprint_of(request, version)
        name = hashlib.sha256(f"{request.tenant}\0{key}".encode()).hexdigest()
        run = self._runs.get(name)
        if run is not None and run.fingerprint != fingerprint:
            raise refused("reused")
        own = run is None
        if run is None:
            run = self._runs[name] = _Run(fingerprint, list(closing))
            closing.clear()
            run.task = asyncio.create_task(self._run(name, run, work, request.room, until))
            run.task.add_done_callback(_logged)
        run.users += 1
        closing.append(run.leave)
        assert run.task is not None  # it was made with the run  # noqa: S101
        try:
            async with asyncio.timeout_at(None if own else until):  # a run keeps to the time of its own caller
                found = await asyncio.shield(run.task)
        except TimeoutError:
            raise refused("running") from None
        if isinstance(found, str):
            raise refused(found)
        return await _again(found) if isinstance(found, Answered) else _copied(found, replayed=not own)

    async def finish(self, seconds: float) -> None:
        """Let the runs end whose callers have left; what does not end in time has an outcome that nobody knows."""
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _run(
        self, name: str, run: _Run, work: Work, room: Room | None, until: float
    ) -> Answer | Answered | Verdict:
        try:
            found = await self._claimed(name, run.fingerprint, until)
            return found if isinstance(found, Answered | str) else await _fulfilled(found, work, room)
        finally:
            del self._runs[name]
            run.leave()

    async def _claimed(self, name: str, fingerprint: str, until: float) -> Claim | Answered | Verdict:
        """Return the right to go on; while another process has it, wait for what comes of that."""
        assert self._intents is not None  # nothing begins without  # noqa: S101
        loop = asyncio.get_running_loop()
        until = min(until, loop.time() + _ELSEWHERE_SECONDS)
        while True:
            try:
                found = await self._intents.claim(name, fingerprint)
            except OSError as error:
                _log.error("an intent cannot be written: %s", error.strerror or error, extra=SELDOM)
                raise Overloaded(
                    "Nothing was sent: the idempotency key cannot be noted at the moment. Send the request again "
                    "later, or without the key.",
                    headers={"retry-after": "5"},
                ) from None
            if found != "running" or loop.time() + _LOOK_SECONDS > until:
                return found
            await asyncio.sleep(_LOOK_SECONDS)


async def _fulfilled(claim: Claim, work: Work, room: Room | None) -> Answer:
    held = True
    try:
        (status, headers, content), keep = await work()
        if not keep:
            held = False
            await claim.forget()
            return status, headers, content
        body = await _collected(content, room)
        held = False
        try:
            await claim.keep(status, headers, body.slices() if isinstance(body, Sliced) else [bytes(body)])
        except OSError as error:
            # The caller still gets its picture; who repeats the request is told that it is not kept.
            _log.error("the answer to an idempotency key cannot be kept: %s", error.strerror or error, extra=SELDOM)
        return status, headers, body
    finally:
        if held:
            await (claim.abandon() if work.sent else claim.forget())


async def _collected(content: Content, room: Room | None) -> bytes | bytearray | Sliced:
    """Return a body as it can be kept: events, once all of them are there."""
    if not isinstance(content, AsyncGenerator):
        return content
    pieces, uncounted = [], 0
    async with aclosing(content):
        async for piece in content:
            pieces.append(piece)
            uncounted += len(piece)
            if room is not None and uncounted > UNCOUNTED:
                taken, uncounted = uncounted, 0
                await room.take(taken)
    return b"".join(pieces)


def _copied(answer: Answer, *, replayed: bool) -> Answer:
    """Return an answer that one of several gets: what is added to its headers is its own."""
    status, headers, content = answer
    return (status, _replayed(headers), content) if replayed else (status, [*headers], content)


async def _again(answered: Answered) -> Answer:
    """Return an answer that was given before, read while it is sent."""
    pieces = answered.pieces()
    try:
        first = await anext(pieces, b"")
    except OSError as error:
        _log.warning("a kept answer cannot be read: %s", error.strerror or error, extra=SELDOM)
        raise refused("lost") from None
    headers = [*_replayed(answered.headers), (b"content-length", b"%d" % answered.size)]
    return answered.status, headers, _read(first, pieces)


async def _read(first: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        if first:
            yield first
        async for piece in pieces:
            yield piece


def _logged(task: "asyncio.Task[Answer | Answered | Verdict]") -> None:
    """Say what went wrong in a run, as its caller may have left."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, GatewayError):
        _log.error("a request with an idempotency key failed", exc_info=error)


def _replayed(headers: Headers) -> Headers:
    return [*(line for line in headers if line[0] not in _OF_ITS_OWN), REPLAYED]
