"""Where pictures are kept: under the hash of what they are, each once, none half written."""

import asyncio
import contextlib
import hashlib
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, ParamSpec, Protocol, TypeVar

_log = logging.getLogger("gateway.delivery")

NAME = re.compile(r"[0-9a-f]{64}\.(png|jpeg|webp|gif|avif|heic|svg)")
"""What a kept picture may be called."""

THREADS: Final = ThreadPoolExecutor(8, "pictures")
"""Where stores work: a slow one holds up no upload, and nothing else that waits for a thread."""

_Given = ParamSpec("_Given")
_Got = TypeVar("_Got")

_SLICE = 1 << 18
_ABANDONED_SECONDS = 3600.0
_AFTER_SWEEP = 0.9
_COUNTED_AGAIN = 16


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture in the store."""

    size: int
    chunks: Generator[bytes, None, None]

    def close(self) -> None:
        """Leave it without reading it to its end."""
        self.chunks.close()


def _chunks(file: BinaryIO) -> Generator[bytes, None, None]:
    with file:
        yield b""
        while chunk := file.read(_SLICE):
            yield chunk


async def in_thread(work: Callable[_Given, _Got], *args: _Given.args, **kwargs: _Given.kwargs) -> _Got:
    """Return what a store's method returns."""
    return await asyncio.wrap_future(THREADS.submit(work, *args, **kwargs))


class PictureStore(Protocol):
    """Keeps pictures by name. Its methods block: they are called by `in_thread`."""

    keep_seconds: float
    """How long it keeps each of them, as far as it knows."""

    def put(self, chunks: Iterable[bytes], extension: str) -> str:
        """Keep a picture and return its name; raises `OSError` where that fails."""
        ...

    def get(self, name: str) -> Kept | None:
        """Return a picture, if it is there."""
        ...

    def sweep(self) -> None:
        """Remove what is too old, or too much."""
        ...


class FolderStore:
    """Pictures in a folder, which several processes may share."""

    def __init__(self, folder: Path, *, bytes_max: int, keep_seconds: float) -> None:
        """Use a folder, made where it is missing; raises `OSError` where it cannot be written to."""
        self._folder = folder
        self._unfinished = folder / "unfinished"
        self._unfinished.mkdir(parents=True, exist_ok=True)
        probe = self._unfinished / f"probe-{secrets.token_hex(8)}"
        probe.write_bytes(b"")
        probe.unlink()
        self._bytes_max = bytes_max
        self.keep_seconds = keep_seconds
        self._sweeping = threading.Lock()
        self._bytes = sum(size for _, size, _ in self._pictures())
        self._added = 0

    def put(self, chunks: Iterable[bytes], extension: str) -> str:
        """Keep a picture: written aside, and only then given its name."""
        aside = self._unfinished / secrets.token_hex(16)
        digest, size = hashlib.sha256(), 0
        try:
            with aside.open("wb") as file:
                for chunk in chunks:
                    digest.update(chunk)
                    file.write(chunk)
                    size += len(chunk)
                file.flush()
                os.fsync(file.fileno())
            name = f"{digest.hexdigest()}.{extension}"
            place = self._place(name)
            with contextlib.suppress(FileNotFoundError):
                os.utime(place)  # it is wanted again: its age begins anew
                return name
            place.parent.mkdir(exist_ok=True)
            aside.replace(place)
        finally:
            aside.unlink(missing_ok=True)
        self._added += size
        # Now and then all of it is counted again: other processes add to it as well.
        if self._bytes + self._added > self._bytes_max or self._added > self._bytes_max // _COUNTED_AGAIN:
            self.sweep()
        return name

    def get(self, name: str) -> Kept | None:
        """Return a picture, if it is there."""
        if NAME.fullmatch(name) is None:
            return None
        try:
            file = self._place(name).open("rb")
        except FileNotFoundError:
            return None
        size = os.fstat(file.fileno()).st_size

        reading = _chunks(file)
        next(reading)  # from here on, closing it closes the file
        return Kept(size, reading)

    def sweep(self) -> None:
        """Remove what is older than it is kept, then the oldest until the rest fits."""
        with self._sweeping:
            now = time.time()  # noqa: TID251 - files bear the wall clock
            removed_early = 0
            pictures = sorted(self._pictures())
            total = sum(size for _, size, _ in pictures)
            enough = self._bytes_max if total <= self._bytes_max else int(self._bytes_max * _AFTER_SWEEP)
            for changed, size, place in pictures:
                old = now - changed > self.keep_seconds
                if not old and total <= enough:
                    break
                with contextlib.suppress(FileNotFoundError):
                    if place.stat().st_mtime != changed:  # it was wanted again in the meantime
                        continue
                    place.unlink()
                total -= size
                removed_early += not old
            self._bytes, self._added = total, 0
            for aside in self._unfinished.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    if now - aside.stat().st_mtime > _ABANDONED_SECONDS:
                        aside.unlink()
        if removed_early:
            _log.warning(
                "%d pictures were removed before their time: they take more than %d bytes (picture_store_bytes)",
                removed_early,
                self._bytes_max,
            )

    def _place(self, name: str) -> Path:
        return self._folder / name[:2] / name

    def _pictures(self) -> Iterator[tuple[float, int, Path]]:
        """Yield when each picture was last wanted, its size and its place."""
        for place in self._folder.glob("[0-9a-f][0-9a-f]/*"):
            with contextlib.suppress(FileNotFoundError):
                about = place.stat()
                yield about.st_mtime, about.st_size, place
