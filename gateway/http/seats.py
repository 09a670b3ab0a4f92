"""How many requests a worker answers at a time: who comes to a full house waits a moment, or is sent away at once."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from functools import partial

from gateway.errors import Overloaded

WAIT_SECONDS = 2.0
SHARE_OF_DEADLINE = 0.1
"""Who waits longer for a seat would have too little time left on it."""

_RETRY_AFTER = (1, 5)
_TOLD_EVERY_SECONDS = 10.0

_log = logging.getLogger("gateway.http")


class FullHouse(Overloaded):
    """There is no seat for a request; the log has been told."""


class Seats:
    """The requests in flight, and a short queue: first come, first served within a tenant, in turn between tenants."""

    def __init__(self, most: int, *, most_each: int, most_waiting: int) -> None:
        """Begin empty; `most_each` bounds every tenant that has a name, as one without stands for all who come."""
        self._most = most
        self._most_each = most_each
        self._most_waiting = most_waiting
        self._taken = 0
        self._taken_by: dict[str, int] = {}
        self._waiting = 0
        self._lines: dict[str, deque[asyncio.Future[bool]]] = {}
        """Who waits, by tenant; the tenant whose turn is next stands first."""
        self._rng = random.Random()  # noqa: S311 - spreads callers that come again, guards nothing
        self._unsaid = 0
        self._silent_until = 0.0

    @property
    def taken(self) -> int:
        """Requests in flight."""
        return self._taken

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._waiting

    def take(self, tenant: str) -> Callable[[], None] | None:
        """Return what gives the seat back, if one is free; who waits then is of a tenant that has all of its own."""
        if self._taken >= self._most or self._is_full_for(tenant):
            return None
        return self._seat(tenant)

    async def wait(self, tenant: str, seconds: float) -> Callable[[], None]:
        """Return the same after a while, where there was none; raises `FullHouse` if the queue is full, or too slow."""
        if self._waiting >= self._most_waiting and not self._makes_room_for(tenant):
            raise self._full_house()
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._lines.setdefault(tenant, deque()).append(turn)
        self._waiting += 1
        expiry = loop.call_later(seconds, self._send_away, tenant, turn)
        try:
            if not await turn:
                raise self._full_house()
        except asyncio.CancelledError:
            if turn.cancelled():
                self._drop(tenant, turn)
            elif turn.result():
                self._leave(tenant)
            raise
        finally:
            expiry.cancel()
        return partial(self._leave, tenant)

    def _is_full_for(self, tenant: str) -> bool:
        return bool(tenant) and self._taken_by.get(tenant, 0) >= self._most_each

    def _seat(self, tenant: str) -> Callable[[], None]:
        self._taken += 1
        if tenant:
            self._taken_by[tenant] = self._taken_by.get(tenant, 0) + 1
        return partial(self._leave, tenant)

    def _leave(self, tenant: str) -> None:
        self._taken -= 1
        if tenant:
            left = self._taken_by.pop(tenant) - 1
            if left:
                self._taken_by[tenant] = left
        if self._waiting:
            self._serve()

    def _serve(self) -> None:
        """Give free seats to those whose turn it is."""
        while self._taken < self._most:
            tenant = next((each for each in self._lines if not self._is_full_for(each)), None)
            if tenant is None:
                return
            line = self._lines.pop(tenant)
            turn = line.popleft()
            self._waiting -= 1
            if line:
                self._lines[tenant] = line  # behind the others
            if not turn.done():  # else it was cancelled a moment ago
                self._seat(tenant)
                turn.set_result(True)

    def _makes_room_for(self, tenant: str) -> bool:
        """Send away the last of the longest line, where that is longer than the tenant's own would become."""
        longest = max(self._lines, key=lambda each: len(self._lines[each]), default=tenant)
        own = len(self._lines.get(tenant, ()))
        if longest == tenant or len(self._lines[longest]) <= own + 1:
            return False
        self._send_away(longest, self._lines[longest][-1])
        return True

    def _send_away(self, tenant: str, turn: asyncio.Future[bool]) -> None:
        self._drop(tenant, turn)
        if not turn.done():
            turn.set_result(False)

    def _drop(self, tenant: str, turn: asyncio.Future[bool]) -> None:
        line = self._lines.get(tenant)
        if line is None or turn not in line:
            return
        line.remove(turn)
        self._waiting -= 1
        if not line:
            del self._lines[tenant]

    def _full_house(self) -> FullHouse:
        self._say()
        return FullHouse(
            "The gateway has as many requests as it can answer: send this one again after a moment.",
            headers={"retry-after": str(self._rng.randint(*_RETRY_AFTER))},
        )

    def _say(self) -> None:
        """Write one line for many refusals: a line for each would cost more than the refusal."""
        self._unsaid += 1
        now = asyncio.get_running_loop().time()
        if now < self._silent_until:
            return
        _log.warning("overloaded: %d request(s) refused, %d in flight", self._unsaid, self._taken)
        self._unsaid, self._silent_until = 0, now + _TOLD_EVERY_SECONDS
