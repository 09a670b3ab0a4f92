"""Intents on disk as a protocol that waits: what blocks is done in threads."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any

from gateway.state.claims import Answered, Headers, Verdict
from gateway.state.intents import Claim, Intents, Kept

Run = Callable[..., Awaitable[Any]]
"""Runs a function in a thread."""


class InThreads:
    """The intents of one machine."""

    def __init__(self, intents: Intents, run: Run) -> None:
        """Ask a folder, by way of threads."""
        self._intents = intents
        self._run = run

    async def claim(self, name: str, fingerprint: str) -> "_Claimed | Answered | Verdict":
        """Return the right to make a request, or why it must not be made."""
        found: Claim | Kept | Verdict = await self._run(self._intents.claim, name, fingerprint)
        if isinstance(found, Claim):
            return _Claimed(found, self._run)
        if isinstance(found, Kept):
            return Answered(found.status, found.headers, found.size, lambda: self._read(found))
        return found

    async def sweep(self) -> None:
        """Remove what is too old, or too much."""
        await self._run(self._intents.sweep)

    async def _read(self, kept: Kept) -> AsyncGenerator[bytes, None]:
        chunks = kept.chunks()
        while chunk := await self._run(next, chunks, b""):
            yield chunk


class _Claimed:
    def __init__(self, claim: Claim, run: Run) -> None:
        self._claim = claim
        self._run = run

    async def keep(self, status: int, headers: Headers, pieces: Iterable[bytes]) -> None:
        await self._run(self._claim.keep, status, headers, pieces)

    async def forget(self) -> None:
        await self._run(self._claim.forget)

    async def abandon(self) -> None:
        self._claim.abandon()  # closes a file, and must be done even while everything is being cancelled
