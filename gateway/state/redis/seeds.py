"""What a counter begins with that is not there: asked once by each process, planted only where nothing grows yet."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from gateway.ledger import LedgerLost, Spent

Counter = tuple[str, str]
"""An account's name, and its window's."""
Seed = Callable[[Sequence[Counter]], Awaitable[Sequence[Spent]]]
Plant = Callable[[dict[Counter, Spent], dict[Counter, bytes]], Awaitable[None]]

_SECONDS = 10.0


class Seeds:
    """Counters that are being found out about."""

    def __init__(self, seed: Seed | None, plant: Plant) -> None:
        """Ask `seed`, and hand what it says to `plant`."""
        self._seed = seed
        self._plant = plant
        self._coming: dict[Counter, asyncio.Task[None]] = {}

    async def ask(self, counters: Sequence[Counter]) -> Sequence[Spent]:
        """Return what counters would begin with; raises `LedgerLost`."""
        if self._seed is None or not counters:
            return [Spent()] * len(counters)
        try:
            async with asyncio.timeout(_SECONDS):
                found = await self._seed(counters)
        except LedgerLost:
            raise
        except Exception as error:
            raise LedgerLost(f"what was spent so far cannot be found out: {error}") from error
        if len(found) != len(counters):
            raise LedgerLost("what was spent so far cannot be found out: not every account was answered for")
        return found

    async def plant(self, ends: Mapping[Counter, bytes]) -> None:
        """Have counters begin, each with the end of its window; raises `LedgerLost`."""
        new = {counter: end for counter, end in ends.items() if counter not in self._coming}
        if new:
            task = asyncio.create_task(self._planted(new))
            for counter in new:
                self._coming[counter] = task
            task.add_done_callback(lambda _: self._forget([*new]))
        for task in {self._coming[counter] for counter in ends}:
            await asyncio.shield(task)  # others wait for it as well

    async def close(self) -> None:
        """Ask no more."""
        tasks = set(self._coming.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _planted(self, ends: dict[Counter, bytes]) -> None:
        counters = [*ends]
        await self._plant(dict(zip(counters, await self.ask(counters), strict=True)), ends)

    def _forget(self, counters: Sequence[Counter]) -> None:
        for counter in counters:
            task = self._coming.pop(counter)
            if not task.cancelled():
                task.exception()  # those who wait for it are told; there may be none left
