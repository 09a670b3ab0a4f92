"""Rate limits in the database, for the workers of a machine that share nothing else."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ledger import Account, Refusal
from gateway.ledger.books import part_of, wait_for, words_of
from gateway.store.batch import Batch, Wish
from gateway.store.database import Database
from gateway.store.ledger import upserting, wall_clock
from gateway.store.tables import rates

_SWEEP_SECONDS = 60.0


class SqlRates:
    """Requests and pictures over time, counted in one place by all processes that share a database."""

    def __init__(self, database: Database, now: Callable[[], float] = wall_clock) -> None:
        """Count in that database."""
        self._now = now
        self._batch = Batch(database, self._open)
        self._swept = 0.0

    async def take(self, account: Account, kind: str, amount: int) -> Refusal | None:
        """Count against all limits of that kind, or against none."""
        limits = [rate for rate in account.rates if rate.kind == kind]
        names = {rate: f"{account.name} {rate.kind} {rate.unit} {rate.most}" for rate in limits}

        def work(sheet: _Counts) -> Refusal | None:
            now, used = sheet.now, sheet.used
            for rate, name in names.items():
                seconds = wait_for(rate, used.get(name, {}), amount, now)
                if seconds != 0:
                    return Refusal(account, words_of(rate), seconds)
            for rate, name in names.items():
                parts, part = used.setdefault(name, {}), part_of(rate, now)
                parts[part] = parts.get(part, 0) + amount
                row = sheet.added.setdefault(
                    (name, part),
                    {"name": name, "part": part, "used": 0, "expires_ms": int((now + 2 * rate.seconds) * 1000)},
                )
                row["used"] += amount
            return None

        return await self._batch.make(names.values(), work)

    @contextlib.asynccontextmanager
    async def _open(self, connection: AsyncConnection, wishes: list[Wish[Any]]) -> AsyncIterator["_Counts"]:
        counts = _Counts(self._now())
        names = sorted({name for wish in wishes for name in wish.names})
        if connection.dialect.name != "sqlite":
            for name in names:  # rows that are not there yet cannot be locked, their name can
                await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))
        if counts.now - self._swept > _SWEEP_SECONDS:
            self._swept = counts.now
            await connection.execute(sa.delete(rates).where(rates.c.expires_ms < int(counts.now * 1000)))
        found = await connection.execute(sa.select(rates).where(rates.c.name.in_(names)))
        for row in found.mappings():
            counts.used.setdefault(row["name"], {})[row["part"]] = row["used"]
        yield counts
        if counts.added:
            put = upserting(connection, rates)
            more = rates.c.used + put.excluded.used
            put = put.on_conflict_do_update(index_elements=["name", "part"], set_={"used": more})
            await connection.execute(put, list(counts.added.values()))


@dataclass(slots=True)
class _Counts:
    now: float
    used: dict[str, dict[int, int]] = field(default_factory=dict)
    added: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
