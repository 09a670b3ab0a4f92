"""The ledger in the database: what many attempts reserve and settle at one time is committed together."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ledger import Crossing, Draw, End, LedgerLost, Refusal, Spent
from gateway.ledger.books import crossing, ended, refusal, reserved
from gateway.store.batch import Batch, Wish
from gateway.store.database import Database, StoreLost
from gateway.store.tables import counters, reservations

_KEPT_MS = 3_600_000
"""How long a reservation that ended is remembered, so that its end is counted once."""
_SWEPT_AT_ONCE = 500

_Name = tuple[str, str]


def wall_clock() -> float:
    """Return seconds since the epoch."""
    return time.time()  # noqa: TID251 - all processes go by it


@dataclass(slots=True)
class _Sheet:
    """What one transaction has read, and what it has changed."""

    now: float
    books: dict[_Name, Spent] = field(default_factory=dict)
    changed: set[_Name] = field(default_factory=set)
    reservations: dict[str, dict[str, Any]] = field(default_factory=dict)
    new: dict[str, dict[str, Any]] = field(default_factory=dict)
    over: dict[str, End] = field(default_factory=dict)

    def put(self, name: _Name, spent: Spent) -> None:
        self.books[name] = spent
        self.changed.add(name)


class SqlLedger:
    """Money and pictures, exact across all processes that share a database."""

    settles_at_once: ClassVar[bool] = False

    def __init__(self, database: Database, now: Callable[[], float] = wall_clock) -> None:
        """Count in that database."""
        self._database = database
        self._now = now
        self._batch = Batch(database, self._open)

    async def reserve(self, id_: str, draws: Sequence[Draw], seconds: float) -> Refusal | None:
        """Take from all accounts or from none."""

        def work(sheet: _Sheet) -> Refusal | None:
            if id_ in sheet.reservations or id_ in sheet.new:
                return None
            for draw in draws:
                refused = refusal(draw, sheet.books[_name(draw)], sheet.now)
                if refused is not None:
                    return refused
            for draw in draws:
                sheet.put(_name(draw), reserved(sheet.books[_name(draw)], draw))
            held = [[*_name(draw), draw.micros, draw.images] for draw in draws]
            sheet.new[id_] = {"id": id_, "draws": held, "ended": None, "expires_ms": int((sheet.now + seconds) * 1000)}
            return None

        return await self._batch.make([id_, *map(_name, draws)], work)

    async def settle(self, id_: str, end: End, draws: Sequence[Draw]) -> Sequence[Crossing]:
        """Put what was really used in the place of what was reserved."""

        def work(sheet: _Sheet) -> Sequence[Crossing]:
            row = sheet.new.get(id_) or sheet.reservations.get(id_)
            if row is None or row["ended"] is not None:
                return ()
            row["ended"] = sheet.over[id_] = end
            crossings = []
            held = {(name, window): (micros, images) for name, window, micros, images in row["draws"]}
            for draw in draws:
                before = sheet.books[_name(draw)]
                after = ended(before, held[_name(draw)], end, (draw.micros, draw.images))
                sheet.put(_name(draw), after)
                crossed = crossing(draw.account, draw.window.name, before.micros, after.micros)
                if crossed is not None:
                    crossings.append(crossed)
            return crossings

        return await self._batch.make([id_, *map(_name, draws)], work)

    async def spent(self, accounts: Sequence[_Name]) -> Sequence[Spent]:
        """Return what is used."""
        try:
            async with self._database.read() as connection:
                books = await _books(connection, accounts, lock=False)
        except StoreLost as lost:
            raise LedgerLost(str(lost)) from lost
        return [books[account] for account in accounts]

    async def sweep(self) -> int:
        """Count what was never settled as spent, and forget what ended long ago."""
        try:
            async with self._database.write() as connection:
                now_ms = int(self._now() * 1000)
                await connection.execute(
                    sa.delete(reservations).where(
                        reservations.c.ended.is_not(None), reservations.c.expires_ms < now_ms - _KEPT_MS
                    )
                )
                late = (
                    sa.select(reservations)
                    .where(reservations.c.ended.is_(None), reservations.c.expires_ms <= now_ms)
                    .limit(_SWEPT_AT_ONCE)
                    .with_for_update(skip_locked=True)
                )
                rows = (await connection.execute(late)).mappings().all()
                names = {(name, window) for row in rows for name, window, _, _ in row["draws"]}
                sheet = _Sheet(self._now(), await _books(connection, names, lock=True))
                for row in rows:
                    sheet.over[row["id"]] = "maybe_billed"
                    for name, window, *held in row["draws"]:
                        before = sheet.books[name, window]
                        sheet.put((name, window), ended(before, (held[0], held[1]), "maybe_billed", (0, 0)))
                await _write(connection, sheet)
                return len(rows)
        except StoreLost as lost:
            raise LedgerLost(str(lost)) from lost

    @contextlib.asynccontextmanager
    async def _open(self, connection: AsyncConnection, wishes: list[Wish[Any]]) -> AsyncIterator[_Sheet]:
        wanted = [name for wish in wishes for name in wish.names]
        ids = [name for name in wanted if isinstance(name, str)]
        # Counters first: whoever holds those has all who draw on the same ones behind it, and none can interlock.
        books = await _books(connection, {name for name in wanted if not isinstance(name, str)}, lock=True)
        sheet = _Sheet(self._now(), books)
        found = await connection.execute(sa.select(reservations).where(reservations.c.id.in_(ids)))
        sheet.reservations = {row["id"]: dict(row) for row in found.mappings()}
        yield sheet
        await _write(connection, sheet)


async def _books(connection: AsyncConnection, names: Iterable[_Name], *, lock: bool) -> dict[_Name, Spent]:
    """Return the counters, those that are not there yet at zero; locked in the order of their names, if at all."""
    names = sorted(set(names))
    books = dict.fromkeys(names, Spent())
    if not names:
        return books
    if lock and connection.dialect.name != "sqlite":
        await connection.execute(
            postgresql.insert(counters).on_conflict_do_nothing(),
            [_row(name, window, Spent()) for name, window in names],
        )
    asked = sa.select(counters).where(sa.tuple_(counters.c.name, counters.c.window).in_(names))
    if lock:
        asked = asked.order_by(counters.c.name, counters.c.window).with_for_update()
    for row in (await connection.execute(asked)).mappings():
        books[row["name"], row["window"]] = Spent(row["spent"], row["held"], row["images"], row["images_held"])
    return books


async def _write(connection: AsyncConnection, sheet: _Sheet) -> None:
    if sheet.changed:
        rows = [_row(name, window, sheet.books[name, window]) for name, window in sorted(sheet.changed)]
        put = upserting(connection, counters)
        values = {column: put.excluded[column] for column in ("spent", "held", "images", "images_held")}
        await connection.execute(put.on_conflict_do_update(index_elements=["name", "window"], set_=values), rows)
    if sheet.new:
        await connection.execute(sa.insert(reservations), list(sheet.new.values()))
    over = [{"which": id_, "end": end} for id_, end in sheet.over.items() if id_ not in sheet.new]
    if over:
        done = sa.update(reservations).where(reservations.c.id == sa.bindparam("which"))
        await connection.execute(done.values(ended=sa.bindparam("end")), over)


def _row(name: str, window: str, spent: Spent) -> dict[str, object]:
    return {
        "name": name,
        "window": window,
        "spent": spent.micros,
        "held": spent.held,
        "images": spent.images,
        "images_held": spent.images_held,
    }


def upserting(connection: AsyncConnection, table: sa.Table) -> Any:  # noqa: ANN401 - of either dialect
    """Return an insert that can say what to do where a row is there already."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def _name(draw: Draw) -> _Name:
    return draw.account.name, draw.window.name
