"""How much memory large answers and uploads may take together: who asks for more than there is, waits."""

import asyncio
from dataclasses import dataclass

UNCOUNTED = 1 << 20
"""What is smaller is not worth counting, and never waits."""


class ByteBudget:
    """The memory that one process spends on large bodies."""

    def __init__(self, limit: int) -> None:
        """Begin with all of it free."""
        self._limit = limit
        self._used = 0
        self._waiting: list[_Wish] = []
        self._overdrawn: Room | None = None
        """Who was given more than there is: one at a time, and it need not wait again until it leaves."""

    @property
    def used(self) -> int:
        """Bytes that are held now."""
        return self._used

    def room(self) -> "Room":
        """Return the room of one request; nothing is held in it yet."""
        return Room(self)

    async def take(self, room: "Room", count: int, *, last: bool) -> None:
        """Wait until so many bytes are the room's."""
        wish = _Wish(room, count, last, asyncio.get_running_loop().create_future())
        self._waiting.append(wish)
        self._serve()
        try:
            await wish.turn
        except asyncio.CancelledError:
            if not wish.turn.cancelled():
                self.give(room, count)
            elif wish in self._waiting:
                self._waiting.remove(wish)
                self._serve()
            raise

    def give(self, room: "Room", count: int) -> None:
        """Take memory back, and let in who waits for it."""
        room.held -= count
        self._used -= count
        if self._used <= self._limit or (self._overdrawn is not None and not self._overdrawn.held):
            self._overdrawn = None
        self._serve()

    def _serve(self) -> None:
        while self._waiting:
            wish = min(self._waiting, key=self._rank)  # of equals, the first that came
            if not self._grants(wish):
                return
            self._waiting.remove(wish)
            if wish.turn.done():  # its request was cancelled a moment ago
                continue
            self._used += wish.count
            wish.room.held += wish.count
            if self._used > self._limit:
                self._overdrawn = wish.room
            wish.turn.set_result(None)

    def _grants(self, wish: "_Wish") -> bool:
        # What is larger than all of it gets its turn alone.
        if self._used + wish.count <= self._limit or self._used == 0:
            return True
        # Two who hold some and waited for each other would wait for ever: one of them goes on, and then the next.
        return wish.room.held > 0 and self._overdrawn in (None, wish.room)

    def _rank(self, wish: "_Wish") -> int:
        """Return who comes first: those whom others wait for, then answers, as they are paid for."""
        if wish.room.held:
            return 0 if wish.room is self._overdrawn else 1
        return 3 if wish.last else 2


class Room:
    """What one request holds, until it is left."""

    __slots__ = ("_budget", "held")

    def __init__(self, budget: ByteBudget) -> None:
        """Hold nothing."""
        self._budget = budget
        self.held = 0

    async def take(self, count: int, *, last: bool = False) -> None:
        """Wait until there is room for so many more bytes: `last` behind all who wait for an answer."""
        await self._budget.take(self, count, last=last)

    def give(self, count: int) -> None:
        """Give some of it back early."""
        self._budget.give(self, count)

    def leave(self) -> None:
        """Give back all that is held."""
        if self.held:
            self.give(self.held)


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    """What one request waits for."""

    room: Room
    count: int
    last: bool
    turn: asyncio.Future[None]
