"""What is asked for under a key, and its answer: files that are written before anything is sent, and locked meanwhile.

The kernel lets go of a lock when its process ends, whatever ended it: who then finds an intent without an answer knows
that nobody knows what became of it.
"""

import contextlib
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson

from gateway.state.claims import KEEP_SECONDS, Headers, Verdict
from gateway.state.files import LOCKS, add, age, is_at, lock, sync

__all__ = ["KEEP_SECONDS", "Claim", "Headers", "Intents", "Kept", "Verdict"]

_log = logging.getLogger("gateway.state")

_INTENT = re.compile(rb"([0-9a-f]{64})\n(kept\n|lost\n)?")
_SLICE = 1 << 18
_ABANDONED_SECONDS = 3600.0
_AFTER_SWEEP = 0.9


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was given before."""

    status: int
    headers: Headers
    file: Path
    start: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        """Yield the body; raises `OSError` where it has been removed meanwhile."""
        with self.file.open("rb") as file:
            file.seek(self.start)
            while chunk := file.read(_SLICE):
                yield chunk


def _wall_clock() -> float:
    return time.time()  # noqa: TID251 - files bear it


class Intents:
    """A folder of intents and answers, which the processes of one machine may share. Its methods block."""

    def __init__(self, folder: Path, *, bytes_max: int, now: Callable[[], float] = _wall_clock) -> None:
        """Use a folder, made where it is missing; raises `OSError` where it cannot be written to or locked in."""
        if not LOCKS:
            raise OSError("files cannot be locked on this system")
        self._folder = folder
        self._unfinished = folder / "unfinished"
        self._unfinished.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = self._unfinished / f"probe-{secrets.token_hex(8)}"
        probe.write_bytes(b"")
        probe.unlink()
        self._bytes_max = bytes_max
        self._now = now
        self._bytes = sum(place.stat().st_size for place in folder.glob("??/*.answer"))

    def claim(self, name: str, fingerprint: str) -> "Claim | Kept | Verdict":
        """Return the right to make a request, noted on disk, or why it must not be made.

        Raises `OSError` where the intent cannot be written.
        """
        place = self._place(name)
        place.parent.mkdir(exist_ok=True, mode=0o700)
        while True:
            file = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                found = self._look(file, place, fingerprint)
                if found == "free":
                    claim = Claim(self, file, place)
                    claim.note(fingerprint)
                    file = -1
                    return claim
            finally:
                if file >= 0:
                    os.close(file)
            if found != "removed":
                return found

    def sweep(self) -> None:
        """Remove what is older than a day, and the oldest answers until the rest fits."""
        now = self._now()
        for place in self._folder.glob("??/*"):
            if place.suffix != ".answer" and age(place, now) > KEEP_SECONDS:
                self._expire(place, now)
        answers = sorted(self._answers())
        total = sum(size for _, size, _ in answers)
        enough = self._bytes_max if total <= self._bytes_max else int(self._bytes_max * _AFTER_SWEEP)
        removed = 0
        for _, size, place in answers:
            if total <= enough:
                break
            place.unlink(missing_ok=True)
            total -= size
            removed += 1
        self._bytes = total
        if removed:
            _log.warning(
                "%d answers to requests with an idempotency key were removed before their time: "
                "they take more than %d bytes (idempotency_bytes)",
                removed,
                self._bytes_max,
            )
        for aside in self._unfinished.iterdir():
            if age(aside, now) > _ABANDONED_SECONDS:
                aside.unlink(missing_ok=True)

    def write(self, place: Path, status: int, headers: Headers, pieces: Iterable[bytes]) -> None:
        """Keep an answer: written aside, and only then given its name."""
        aside = self._unfinished / secrets.token_hex(16)
        head = {
            "status": status,
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers],
        }
        try:
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(orjson.dumps(head) + b"\n")
                for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()
            aside.replace(place.with_suffix(".answer"))
        finally:
            aside.unlink(missing_ok=True)
        self._bytes += size
        if self._bytes > self._bytes_max:
            self.sweep()

    def _look(self, file: int, place: Path, fingerprint: str) -> "Kept | Verdict | Literal['free', 'removed']":
        locked = lock(file)
        if locked and not is_at(file, place):
            return "removed"  # by its owner, a moment ago
        written = _INTENT.match(os.pread(file, 128, 0))
        old = self._now() - os.fstat(file).st_mtime > KEEP_SECONDS
        if locked and (written is None or old):  # a cut intent was never acted upon
            return "free"
        if written is not None and written[1].decode() != fingerprint:
            return "reused"
        if not locked:
            return "running"
        kept = _read(place.with_suffix(".answer"))
        if kept is not None:
            return kept
        return "lost" if written is not None and written[2] else "unknown"

    def _expire(self, place: Path, now: float) -> None:
        with contextlib.suppress(FileNotFoundError):
            file = os.open(place, os.O_RDWR)
            try:
                if lock(file) and is_at(file, place) and now - os.fstat(file).st_mtime > KEEP_SECONDS:
                    place.with_suffix(".answer").unlink(missing_ok=True)
                    place.unlink()
            finally:
                os.close(file)

    def _place(self, name: str) -> Path:
        return self._folder / name[:2] / name

    def _answers(self) -> Iterator[tuple[float, int, Path]]:
        for place in self._folder.glob("??/*.answer"):
            with contextlib.suppress(FileNotFoundError):
                about = place.stat()
                yield about.st_mtime, about.st_size, place


class Claim:
    """The right to make one request: nobody else has it until this one is given back, or its process ends."""

    def __init__(self, intents: Intents, file: int, place: Path) -> None:
        """Hold a file that is locked."""
        self._intents = intents
        self._file = file
        self._place = place

    def note(self, fingerprint: str) -> None:
        """Write down what is about to be done, so that it survives whatever comes."""
        self._place.with_suffix(".answer").unlink(missing_ok=True)
        try:
            os.ftruncate(self._file, 0)
            add(self._file, fingerprint.encode() + b"\n")
            os.fsync(self._file)
            sync(self._place.parent)
        except OSError:
            with contextlib.suppress(OSError):
                self._place.unlink()
            raise

    def keep(self, status: int, headers: Headers, pieces: Iterable[bytes]) -> None:
        """Keep the answer and give the right back; raises `OSError` where the answer cannot be written."""
        word = b"lost\n"
        try:
            self._intents.write(self._place, status, headers, pieces)
            word = b"kept\n"
        finally:
            with contextlib.suppress(OSError):
                add(self._file, word)
            self.abandon()

    def forget(self) -> None:
        """Give the right back as if nothing had been asked."""
        with contextlib.suppress(OSError):
            self._place.unlink()
        self.abandon()

    def abandon(self) -> None:
        """Give the right back without a word about what became of the request."""
        os.close(self._file)


def _read(file: Path) -> Kept | None:
    try:
        with file.open("rb") as opened:
            line = opened.readline()
            head = orjson.loads(line)
            headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in head["headers"]]
            return Kept(head["status"], headers, file, len(line), os.fstat(opened.fileno()).st_size - len(line))
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None
