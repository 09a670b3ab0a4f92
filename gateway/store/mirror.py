"""What was spent, as the database knows it where another ledger counts: what that one begins with when it is empty."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from gateway.ledger import Crossing, Draw, End, Ledger, LedgerLost, Refusal, Spent
from gateway.store.database import Database, StoreLost
from gateway.store.tables import counters

_log = logging.getLogger("gateway.store")

_SECONDS = 0.5
_Counter = tuple[str, str]


class Mirrored:
    """A ledger whose settlements are written to the database too, a moment later and added up."""

    def __init__(self, ledger: Ledger, database: Database) -> None:
        """Count in that ledger; the database only follows."""
        self._ledger = ledger
        self._database = database
        self._more: dict[_Counter, tuple[int, int]] = {}

    async def reserve(self, id_: str, draws: Sequence[Draw], seconds: float) -> Refusal | None:
        """Take from all accounts or from none."""
        return await self._ledger.reserve(id_, draws, seconds)

    async def settle(self, id_: str, end: End, draws: Sequence[Draw]) -> Sequence[Crossing]:
        """Put what was really used in the place of what was reserved."""
        if end != "released":
            for draw in draws:
                counter = draw.account.name, draw.window.name
                micros, images = self._more.get(counter, (0, 0))
                self._more[counter] = micros + draw.micros, images + draw.images
        return await self._ledger.settle(id_, end, draws)

    async def spent(self, accounts: Sequence[_Counter]) -> Sequence[Spent]:
        """Return what is used."""
        return await self._ledger.spent(accounts)

    async def sweep(self) -> int:
        """Count what was reserved and never settled as spent."""
        return await self._ledger.sweep()

    async def follow(self, stop: asyncio.Event) -> None:
        """Write what was settled until told to stop, and once more then."""
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what was settled since the last time; what cannot be written waits."""
        if not self._more:
            return
        more, self._more = self._more, {}
        rows = [
            {"name": name, "window": window, "spent": micros, "held": 0, "images": images, "images_held": 0}
            for (name, window), (micros, images) in sorted(more.items())
        ]
        try:
            async with self._database.write() as connection:
                put = (sqlite if self._database.is_sqlite else postgresql).insert(counters)
                added = {name: counters.c[name] + put.excluded[name] for name in ("spent", "images")}
                await connection.execute(put.on_conflict_do_update(index_elements=["name", "window"], set_=added), rows)
        except StoreLost as lost:
            _log.warning("what was spent cannot be written to the database, and waits: %s", lost)
            for counter, (micros, images) in more.items():
                newer = self._more.get(counter, (0, 0))
                self._more[counter] = newer[0] + micros, newer[1] + images


async def seeds(database: Database, wanted: Sequence[_Counter]) -> Sequence[Spent]:
    """Return what the database knows to be spent; raises `LedgerLost`."""
    asked = sa.select(counters).where(sa.tuple_(counters.c.name, counters.c.window).in_(wanted))
    try:
        async with database.read() as connection:
            found = (await connection.execute(asked)).mappings().all()
    except StoreLost as lost:
        raise LedgerLost(str(lost)) from lost
    known = {(row["name"], row["window"]): Spent(micros=row["spent"], images=row["images"]) for row in found}
    return [known.get(counter, Spent()) for counter in wanted]
