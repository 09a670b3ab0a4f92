"""Records on their way to the database: written to a file before anybody is answered, shipped afterwards.

A file outlives its process, and a database that is away: whatever was acknowledged is still told of. Each process
writes to a file of its own, locked while it lives; files of processes that died are shipped by whoever finds them.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from gateway.store.database import StoreLost
from gateway.store.request_row import RequestRow

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger("gateway.store")

Insert = Callable[[Sequence[RequestRow]], Awaitable[object]]
"""Puts rows into the database, those that are there already left as they are; raises `StoreLost`."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RequestRow).decode

_SHIP_SECONDS = 0.5
_AGAIN_SECONDS = 2.0
_SEGMENT_BYTES = 4 << 20
_AT_ONCE = 500
_ORPHANS_EVERY = 30.0
_TOLD_EVERY = 60.0
_SUFFIX = ".ndjson"


class Journal:
    """The records of one process. Writing one never waits, never fails a request, and takes bounded room."""

    def __init__(self, folder: Path, insert: Insert, *, bytes_max: int) -> None:
        """Use a folder, made where it is missing; raises `OSError` where it cannot be written to."""
        if fcntl is None:
            raise OSError("files cannot be locked on this system")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._insert = insert
        self._bytes_max = bytes_max
        self._others = _bytes_in(folder)
        """Bytes in files other than the present one."""
        self._waiting: list[RequestRow] = []
        self._file, self._place = _begun(folder)
        self._size = 0
        self._told = 0.0
        self.shipped = 0
        self.dropped = 0
        """Records that could not be kept."""

    @property
    def waiting(self) -> int:
        """Records that are not in the database yet, apart from those of files before the present one."""
        return len(self._waiting)

    def write(self, row: RequestRow) -> None:
        """Keep a record; where there is no room for it, it is counted instead."""
        line = _encode(row) + b"\n"
        if self._others + self._size + len(line) > self._bytes_max:
            self._drop("journal_bytes is reached")
            return
        try:
            # Not off the loop: this ends in the system's memory, in some microseconds, and has to be there before the
            # answer goes out.
            written = os.write(self._file, line)
            if written != len(line):
                os.ftruncate(self._file, self._size)
                raise OSError("the disk is full")  # noqa: TRY301 - the same end as the system's own word
        except OSError as error:
            self._drop(error.strerror or str(error))
            return
        self._size += len(line)
        self._waiting.append(row)
        if self._size >= _SEGMENT_BYTES and len(self._waiting) > _AT_ONCE:
            self._turn_over()

    async def ship(self, stop: asyncio.Event) -> None:
        """Take records to the database until told to stop, and once more then."""
        looked = 0.0
        while not stop.is_set():
            pause = _SHIP_SECONDS
            try:
                await self._ship()
                if time.monotonic() - looked > _ORPHANS_EVERY:
                    await self.adopt()
                    looked = time.monotonic()
            except StoreLost as lost:
                self._say("records wait in %s, as the database cannot be written to: %s", self._folder, lost)
                pause = _AGAIN_SECONDS
            except Exception:  # noqa: BLE001 - a fault of ours in one record must not end the shipping of all
                _log.exception("records could not be shipped")
                pause = _AGAIN_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
        with contextlib.suppress(StoreLost):
            await self._ship()

    async def adopt(self) -> int:
        """Ship the files that nobody writes to any more; return how many records that were."""
        count = 0
        for place in await asyncio.to_thread(lambda: sorted(self._folder.glob(f"*{_SUFFIX}"))):
            file = -1 if place == self._place else await asyncio.to_thread(_taken, place)
            if file < 0:
                continue
            try:
                chunks = _chunks(file)
                while rows := await asyncio.to_thread(_next, chunks):
                    await self._insert(rows)
                    count += len(rows)
                await asyncio.to_thread(place.unlink)
            finally:
                os.close(file)
        self.shipped += count
        self._others = await asyncio.to_thread(lambda: _bytes_in(self._folder, but=self._place))
        return count

    def close(self) -> None:
        """Let go of the file; what is not shipped stays in it."""
        if not self._waiting:
            with contextlib.suppress(OSError):
                self._place.unlink()
        os.close(self._file)

    async def _ship(self) -> None:
        while self._waiting:
            rows = self._waiting[:_AT_ONCE]
            place = self._place
            await self._insert(rows)
            self.shipped += len(rows)
            if place != self._place:
                continue  # a new file was begun meanwhile: the old one is shipped whole, what is there already stays
            del self._waiting[: len(rows)]
            if not self._waiting:
                os.ftruncate(self._file, 0)
                self._size = 0
            await asyncio.sleep(0)

    def _turn_over(self) -> None:
        """Begin a new file: the database is slower than the records come, and memory is not for those that wait."""
        file, self._others = self._file, self._others + self._size
        try:
            self._file, self._place = _begun(self._folder)
        except OSError as error:
            self._file = file
            self._others -= self._size
            self._drop(error.strerror or str(error))
            return
        os.close(file)
        self._size, self._waiting = 0, []

    def _drop(self, why: str) -> None:
        self.dropped += 1
        self._say("%d record(s) of requests were not kept in all: %s", self.dropped, why)

    def _say(self, words: str, *about: object) -> None:
        now = time.monotonic()
        if now - self._told > _TOLD_EVERY:
            self._told = now
            _log.error(words, *about)


def _begun(folder: Path) -> tuple[int, Path]:
    place = folder / f"{os.getpid()}-{secrets.token_hex(8)}{_SUFFIX}"
    file = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file, place


def _taken(place: Path) -> int:
    """Return an open file that nobody else has, or -1."""
    try:
        file = os.open(place, os.O_RDONLY)
    except FileNotFoundError:
        return -1
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_nlink:
            return file
    except BlockingIOError:
        pass
    os.close(file)
    return -1


def _chunks(file: int) -> Iterator[list[RequestRow]]:
    """Yield the records of a file; its last line may be cut, then nobody was answered for it."""
    with os.fdopen(os.dup(file), "rb") as lines:
        rows: list[RequestRow] = []
        for line in lines:
            with contextlib.suppress(msgspec.DecodeError):
                rows.append(_decode(line))
            if len(rows) == _AT_ONCE:
                yield rows
                rows = []
        if rows:
            yield rows


def _next(chunks: Iterator[list[RequestRow]]) -> list[RequestRow] | None:
    return next(chunks, None)


def _bytes_in(folder: Path, but: Path | None = None) -> int:
    total = 0
    for place in folder.glob(f"*{_SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):
            total += 0 if place == but else place.stat().st_size
    return total
