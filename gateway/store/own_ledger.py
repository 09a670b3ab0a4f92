"""The ledger of a gateway that is one process: counted in memory, exact, and on disk before anything is sent.

Every step is a line in a file before it counts; a second later it is in the database, and the file begins anew. What a
killed process wrote is there; of what the last second before a loss of power held, nobody knows. Only one process may
count like this: whoever holds the lock.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from gateway.ledger import Account, Crossing, Draw, End, LedgerLost, MemoryLedger, Refusal, Spent, Window
from gateway.seldom import SELDOM
from gateway.store.database import Database, StoreLost
from gateway.store.mirror import seeds
from gateway.store.tables import counters, meta, reservations

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger("gateway.store")

_SECONDS = 1.0
_MOMENT_SECONDS = 0.02
_MOST_KNOWN = 10_000
_SEQUENCE = "own ledger"
_LOCK, _FILES = "ledger.lock", ("ledger-0.log", "ledger-1.log")

_Name = tuple[str, str]
_Step = list[Any]
"""Number, `r` for reserved or `e` for ended, id, and the rest."""


class OwnLedger:
    """Money and pictures of one process, which survive it."""

    settles_at_once: ClassVar[bool] = True

    def __init__(self, database: Database, folder: Path, now: Callable[[], float] = time.time) -> None:  # noqa: TID251
        """Take the lock of a folder; raises `OSError` where another process has it."""
        if fcntl is None:
            raise OSError("files cannot be locked on this system")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise OSError(f"another process counts budgets in {folder}") from None
        self._database = database
        self._folder = folder
        self._now = now
        self._memory = MemoryLedger(now)
        self._known: set[_Name] = set()
        self._changed: set[_Name] = set()
        self._number = 0
        self._turn = 0
        self._file = -1
        self._unwritten = b""
        """Lines about what came to its end."""
        self._writing: asyncio.TimerHandle | None = None
        self._learning = asyncio.Lock()

    async def load(self) -> None:
        """Take up what the process before left behind; raises `LedgerLost`."""
        try:
            async with self._database.read() as connection:
                done = await connection.scalar(sa.select(meta.c.value).where(meta.c.name == _SEQUENCE))
                rows = (await connection.execute(sa.select(reservations))).mappings().all()
        except StoreLost as lost:
            raise LedgerLost(str(lost)) from lost
        self._number = int(done or 0)
        steps = await asyncio.to_thread(lambda: sorted(_steps(self._folder / name for name in _FILES)))
        missed = [step for step in steps if step[0] > self._number]
        names = {(name, window) for row in rows for name, window, *_ in row["draws"]}
        names |= {(name, window) for step in missed for name, window, *_ in step[-1]}
        await self._learn(names)
        for row in rows:
            if row["ended"] is None:
                self._memory.recall(row["id"], _draws(row["draws"]), row["expires_ms"] / 1000)
        for number, what, id_, about, draws in missed:
            self._number = number
            if what == "r":
                self._memory.recall(id_, _draws(draws), about)
            else:
                await self._memory.settle(id_, about, _draws(draws))
            self._changed |= {(name, window) for name, window, *_ in draws}
        self._file = self._begun()
        await self.checkpoint()

    async def reserve(self, id_: str, draws: Sequence[Draw], seconds: float) -> Refusal | None:
        """Take from all accounts or from none."""
        names = [_name(draw) for draw in draws]
        if not self._known.issuperset(names):
            await self._learn(names)
        refused = await self._memory.reserve(id_, draws, seconds)
        if refused is None:
            try:
                self._write(self._line("r", id_, self._now() + seconds, draws))
            except OSError as error:
                await self._memory.settle(id_, "released", draws)
                raise LedgerLost(f"a reservation cannot be noted: {error.strerror or error}") from error
            self._changed.update(names)
        return refused

    async def settle(self, id_: str, end: End, draws: Sequence[Draw]) -> Sequence[Crossing]:
        """Put what was really used in the place of what was reserved."""
        crossings = await self._memory.settle(id_, end, draws)
        self._changed.update(map(_name, draws))
        # It is written with the next reservation, or in a moment: a process that dies before counts its estimate.
        self._unwritten += self._line("e", id_, end, draws)
        if self._writing is None:
            self._writing = asyncio.get_running_loop().call_later(_MOMENT_SECONDS, self._write_late)
        return crossings

    async def spent(self, accounts: Sequence[_Name]) -> Sequence[Spent]:
        """Return what is used."""
        await self._learn(accounts)
        return await self._memory.spent(accounts)

    async def sweep(self) -> int:
        """Count what was never settled as spent."""
        late = self._memory.late()
        for id_, draws in late:
            await self.settle(id_, "maybe_billed", draws)
        return len(late)

    async def follow(self, stop: asyncio.Event) -> None:
        """Bring the database up to date until told to stop."""
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _SECONDS)
            with contextlib.suppress(LedgerLost):
                await self.checkpoint()

    async def checkpoint(self) -> None:
        """Bring the database up to date, and begin the other file; raises `LedgerLost`."""
        if not self._changed:
            return
        self._write_late()
        changed, self._changed, number = sorted(self._changed), set(), self._number
        old, self._turn = self._file, 1 - self._turn
        self._file = self._begun()
        spent = await self._memory.spent(changed)
        rows = [
            {
                "name": name,
                "window": window,
                "spent": each.micros,
                "held": each.held,
                "images": each.images,
                "images_held": each.images_held,
            }
            for (name, window), each in zip(changed, spent, strict=True)
        ]
        open_ = [
            {"id": id_, "draws": _written(draws), "ended": None, "expires_ms": int(expires * 1000)}
            for id_, draws, expires in self._memory.open()
        ]
        try:
            async with self._database.write() as connection:
                put = sqlite.insert(counters)
                values = {name: put.excluded[name] for name in ("spent", "held", "images", "images_held")}
                await connection.execute(
                    put.on_conflict_do_update(index_elements=["name", "window"], set_=values), rows
                )
                await connection.execute(sa.delete(reservations))
                if open_:
                    await connection.execute(sa.insert(reservations), open_)
                kept = sqlite.insert(meta).values(name=_SEQUENCE, value=str(number))
                await connection.execute(
                    kept.on_conflict_do_update(index_elements=["name"], set_={"value": str(number)})
                )
        except StoreLost as lost:
            self._changed |= set(changed)
            # Both files are needed now: what comes goes on in the one that holds the most.
            os.close(self._file)
            self._file, self._turn = old, 1 - self._turn
            raise LedgerLost(str(lost)) from lost
        os.ftruncate(old, 0)
        os.close(old)
        if len(self._known) > _MOST_KNOWN:
            self._forget()

    async def close(self) -> None:
        """Bring the database up to date, and let go of the lock."""
        with contextlib.suppress(LedgerLost):
            await self.checkpoint()
        if self._writing is not None:
            self._writing.cancel()
        if self._file >= 0:
            self._write_late()
            os.close(self._file)
        os.close(self._lock)

    async def _learn(self, names: Iterable[_Name]) -> None:
        """Find out what accounts have used that nobody has asked for yet; raises `LedgerLost`."""
        async with self._learning:
            new = sorted(set(names) - self._known)
            if new:
                # What is held is told by the reservations, which are all known.
                for name, found in zip(new, await seeds(self._database, new), strict=True):
                    self._memory.learn(name, found)
                self._known |= set(new)

    def _forget(self) -> None:
        """Forget whose counters the database has as they are: whoever asks may be one of millions of users."""
        used = {_name(draw) for _, draws, _ in self._memory.open() for draw in draws} | self._changed
        self._memory.forget(self._known - used)
        self._known &= used

    def _line(self, what: str, id_: str, about: object, draws: Sequence[Draw]) -> bytes:
        self._number += 1
        return orjson.dumps([self._number, what, id_, about, _written(draws)], option=orjson.OPT_APPEND_NEWLINE)

    def _write(self, line: bytes) -> None:
        lines, self._unwritten = self._unwritten + line, b""
        if lines and os.write(self._file, lines) != len(lines):
            raise OSError("the disk is full")

    def _write_late(self) -> None:
        self._writing = None  # not called off by whoever writes before: once in a while is cheap, for each request not
        try:
            self._write(b"")
        except OSError as error:  # the database will have it in a moment, unless the process dies before
            _log.error("what was spent cannot be noted: %s", error.strerror or error, extra=SELDOM)

    def _begun(self) -> int:
        return os.open(self._folder / _FILES[self._turn], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _steps(places: Iterable[Path]) -> Iterator[_Step]:
    """Yield the steps of files; a line that was cut was never acted upon."""
    for place in places:
        with contextlib.suppress(FileNotFoundError):
            for line in place.read_bytes().splitlines():
                with contextlib.suppress(orjson.JSONDecodeError):
                    yield orjson.loads(line)


def _written(draws: Sequence[Draw]) -> list[list[Any]]:
    return [[*_name(draw), draw.micros, draw.images] for draw in draws]


def _draws(written: Iterable[Sequence[Any]]) -> list[Draw]:
    return [Draw(Account(name, name), Window(window, None), micros, images) for name, window, micros, images in written]


def _name(draw: Draw) -> _Name:
    return draw.account.name, draw.window.name
