"""What was spent, as the database knows it where another ledger counts: what that one begins with when it is empty."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from typing import ClassVar

import sqlalchemy as sa

from gateway.ledger import Crossing, Draw, End, Ledger, LedgerLost, Refusal, Spent
from gateway.store.database import Database, StoreLost
from gateway.store.ledger import upserting
from gateway.store.tables import counters

_log = logging.getLogger("gateway.store")

_SECONDS = 0.5
_SHARE = 20.0
"""Of its time, the twentieth part is spent on writing, at most."""
_LONGEST_SECONDS = 15.0
_AT_ONCE = 1000
_MOST_BEHIND = 100_000

_Counter = tuple[str, str]


class Mirrored:
    """A ledger whose counters are written to the database too, a moment after they were settled.

    They are written as they stand, never added up: so what a killed process could not write, or wrote without being
    told, is put right by whoever settles next, and two who write the same counter agree.
    """

    settles_at_once: ClassVar[bool] = False

    def __init__(self, ledger: Ledger, database: Database) -> None:
        """Count in that ledger; the database only follows."""
        self._ledger = ledger
        self._database = database
        self._behind: set[_Counter] = set()
        """Counters that the database has to be told of."""
        self._recent: set[_Counter] = set()
        """Counters that were settled since the last sweep: looked at again then, as debts are paid late."""

    async def reserve(self, id_: str, draws: Sequence[Draw], seconds: float) -> Refusal | None:
        """Take from all accounts or from none."""
        return await self._ledger.reserve(id_, draws, seconds)

    async def settle(self, id_: str, end: End, draws: Sequence[Draw]) -> Sequence[Crossing]:
        """Put what was really used in the place of what was reserved."""
        try:
            return await self._ledger.settle(id_, end, draws)
        finally:
            if end != "released" and len(self._behind) < _MOST_BEHIND:  # beyond, whoever settles next makes up for it
                counters_ = {(draw.account.name, draw.window.name) for draw in draws}
                self._behind |= counters_
                self._recent |= counters_

    async def spent(self, accounts: Sequence[_Counter]) -> Sequence[Spent]:
        """Return what is used."""
        return await self._ledger.spent(accounts)

    async def sweep(self) -> int:
        """Count what was reserved and never settled as spent."""
        late = await self._ledger.sweep()
        self._behind |= self._recent
        self._recent = set()
        return late

    async def follow(self, stop: asyncio.Event) -> None:
        """Write what was settled until told to stop, and once more then."""
        pause = _SECONDS
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
            began = time.monotonic()
            await self.flush()
            # Where many gateways write the same counters, all of them do so more rarely.
            pause = min(max(_SECONDS, _SHARE * (time.monotonic() - began)), _LONGEST_SECONDS)

    async def flush(self) -> None:
        """Write what was settled since the last time; what cannot be written waits."""
        behind = sorted(self._behind)[:_AT_ONCE]
        if not behind:
            return
        self._behind.difference_update(behind)
        try:
            rows = [
                {"name": name, "window": window, "spent": spent.micros, "held": 0, "images": spent.images}
                | {"images_held": 0}
                for (name, window), spent in zip(behind, await self._ledger.spent(behind), strict=True)
            ]
            async with self._database.write() as connection:
                put = upserting(connection, counters)
                more, old = put.excluded, counters.c
                later = {
                    name: sa.case((more[name] > old[name], more[name]), else_=old[name]) for name in ("spent", "images")
                }
                is_more = (more.spent > old.spent) | (more.images > old.images)
                await connection.execute(
                    put.on_conflict_do_update(index_elements=["name", "window"], set_=later, where=is_more), rows
                )
        except (LedgerLost, StoreLost) as lost:
            _log.warning("what was spent cannot be written to the database, and waits: %s", lost)
            self._behind.update(behind)


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
