"""The ledger that one process at a time may have: whoever comes second waits, and counts nothing meanwhile."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import ClassVar

from gateway.ledger import Crossing, Draw, End, LedgerLost, Refusal, Spent
from gateway.store.own_ledger import OwnLedger

_AGAIN_SECONDS = 0.5


class Sole:
    """An `OwnLedger`, as soon as it can be had; until then it is lost, and budgets are closed."""

    settles_at_once: ClassVar[bool] = True

    def __init__(self, make: Callable[[], OwnLedger]) -> None:
        """Take what makes it, and raises `OSError` while another process has it."""
        self._make = make
        self._ledger: OwnLedger | None = None
        self._why = "it was not opened yet"

    async def open(self) -> bool:
        """Try to have it; return whether it is there."""
        try:
            ledger = self._make()
        except OSError as error:
            self._why = error.strerror or str(error)
            return False
        try:
            await ledger.load()
        except LedgerLost as lost:
            self._why = str(lost)
            await ledger.close()
            return False
        self._ledger = ledger
        return True

    async def follow(self, stop: asyncio.Event) -> None:
        """Go on trying until it is there, and then bring the database up to date, until told to stop."""
        while self._ledger is None and not stop.is_set():
            if not await self.open():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _AGAIN_SECONDS)
        if self._ledger is not None:
            await self._ledger.follow(stop)

    async def close(self) -> None:
        """Let another process have it."""
        if self._ledger is not None:
            await self._ledger.close()
            self._ledger = None

    async def reserve(self, id_: str, draws: Sequence[Draw], seconds: float) -> Refusal | None:
        """Take from all accounts or from none."""
        return await self._own().reserve(id_, draws, seconds)

    async def settle(self, id_: str, end: End, draws: Sequence[Draw]) -> Sequence[Crossing]:
        """Put what was really used in the place of what was reserved."""
        return await self._own().settle(id_, end, draws)

    async def spent(self, accounts: Sequence[tuple[str, str]]) -> Sequence[Spent]:
        """Return what is used."""
        return await self._own().spent(accounts)

    async def sweep(self) -> int:
        """Count what was never settled as spent."""
        return await self._own().sweep()

    def _own(self) -> OwnLedger:
        if self._ledger is None:
            raise LedgerLost(self._why)
        return self._ledger
