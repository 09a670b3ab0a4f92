"""What this process holds for a few seconds at a time: it goes on holding it as long as it lives."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from gateway.state.redis.line import ServerLost

LEASE_MS = 5000
"""So long after a process ends, others may take over."""
_RENEW_SECONDS = 1.5
_AT_ONCE = 500


class Leases:
    """One task renews all of them, for as long as there are any."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._held: dict[str, Callable[[], Awaitable[None]]] = {}
        self._task: asyncio.Task[None] | None = None

    def hold(self, token: str, renew: Callable[[], Awaitable[None]]) -> None:
        """Renew a lease now and then."""
        self._held[token] = renew
        if self._task is None:
            self._task = asyncio.create_task(self._renew())

    def release(self, token: str) -> None:
        """Renew it no more."""
        self._held.pop(token, None)

    async def close(self) -> None:
        """Let all of them end."""
        self._held.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _renew(self) -> None:
        try:
            while self._held:
                await asyncio.sleep(_RENEW_SECONDS)
                held = [*self._held.values()]
                for start in range(0, len(held), _AT_ONCE):
                    await asyncio.gather(*(_renewed(renew) for renew in held[start : start + _AT_ONCE]))
        finally:
            self._task = None


async def _renewed(renew: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(ServerLost):  # there is time for another try or two
        await renew()
