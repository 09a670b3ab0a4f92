"""How much memory large answers and uploads may take together: who asks for more than there is, waits."""

import asyncio
from collections import deque

UNCOUNTED = 1 << 20
"""What is smaller is not worth counting, and never waits."""


class ByteBudget:
    """The memory that one process spends on large bodies."""

    def __init__(self, limit: int) -> None:
        """Begin with all of it free."""
        self._limit = limit
        self._used = 0
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    @property
    def used(self) -> int:
        """Bytes that are held now."""
        return self._used

    def room(self) -> "Room":
        """Return the room of one request; nothing is held in it yet."""
        return Room(self)

    async def take(self, count: int, *, at_once: bool) -> None:
        """Take memory: at once for whoever holds some already, as two who waited for each other would wait for ever."""
        if at_once or self._fits(count):
            self._used += count
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, count))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(count)
            else:
                self._waiting = deque(waiting for waiting in self._waiting if waiting[0] is not turn)
                self._serve()
            raise

    def give(self, count: int) -> None:
        """Give memory back, and let in who waits for it."""
        self._used -= count
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self._has_room_for(self._waiting[0][1]):
            turn, count = self._waiting.popleft()
            if not turn.done():
                self._used += count
                turn.set_result(None)

    def _fits(self, count: int) -> bool:
        return not self._waiting and self._has_room_for(count)

    def _has_room_for(self, count: int) -> bool:
        # What is larger than all of it gets its turn alone.
        return self._used + count <= self._limit or self._used == 0


class Room:
    """What one request holds, until it is left."""

    __slots__ = ("_budget", "_first", "held")

    def __init__(self, budget: ByteBudget) -> None:
        """Hold nothing."""
        self._budget = budget
        self._first: asyncio.Lock | None = None
        self.held = 0

    async def take(self, count: int) -> None:
        """Wait until there is room for so many more bytes."""
        if self._first is None:
            self._first = asyncio.Lock()
        # One at a time: while the first of several waits nothing is held, and then the others must not wait.
        async with self._first:
            await self._budget.take(count, at_once=self.held > 0)
            self.held += count

    def give(self, count: int) -> None:
        """Give some of it back early."""
        self.held -= count
        self._budget.give(count)

    def leave(self) -> None:
        """Give back all that is held."""
        if self.held:
            self.give(self.held)
