"""The other workers of a gateway: each tells what it knows in files, and reads those of the others.

The files of one run lie in a folder of their own, whose lock all of its workers share: a folder that nobody holds is of
a run that has ended, and goes. What a worker wrote stays when it ends, until the run does.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.seldom import SELDOM

try:
    import fcntl
except ImportError:  # Windows, where there is one worker
    fcntl = None  # type: ignore[assignment]

_RUN = secrets.token_hex(8)
"""The same in all workers, as they are forked after this was made."""
_LOCK = "lock"
_TELL_SECONDS = 1.0

Look = Callable[[], Callable[[], None]]

_log = logging.getLogger("gateway.siblings")


class Siblings:
    """The workers of this run, as this one sees them."""

    def __init__(self, folder: Path, run: str = _RUN) -> None:
        """Join the run, in a folder for all runs; raises `OSError` where it cannot be written to."""
        if fcntl is None:
            raise OSError("files cannot be locked on this system")
        self._folder = folder / run
        self._lock = _joined(self._folder)
        self._writing = threading.Lock()
        self._written: Counter[str] = Counter()
        _sweep(folder, but=self._folder)

    def write(self, kind: str, content: bytes, number: int) -> None:
        """Tell the others something of a kind; of several that write at once, the highest number stays."""
        with self._writing:
            if number > self._written[kind]:
                own = self._own(kind)
                aside = own.with_suffix(".new")
                aside.write_bytes(content)
                aside.replace(own)
                self._written[kind] = number

    def others(self, kind: str) -> Iterator[tuple[bytes, bool]]:
        """Yield what each of the others wrote last, and whether it still lives."""
        for file in sorted(self._folder.glob(f"*.{kind}")):
            if file != self._own(kind):
                with contextlib.suppress(OSError):  # somebody took it away
                    yield file.read_bytes(), _lives(file.stem)

    async def tell(self, look: Look) -> None:
        """Tell the others once a second: what is looked at on the loop is written by what comes of it, in a thread."""
        while True:
            await self.told(look())
            await asyncio.sleep(_TELL_SECONDS)

    async def told(self, write: Callable[[], None]) -> None:
        """Have something written; where that cannot be done, the operator is told."""
        with contextlib.suppress(FileNotFoundError):  # an operator removed the folder; there is nobody to tell then
            try:
                await asyncio.to_thread(write)
            except OSError as error:
                _log.warning("other workers cannot be told of this one: %s", error.strerror or error, extra=SELDOM)

    def leave(self) -> None:
        """Let go of the run; the last one that does takes the folder along."""
        os.close(self._lock)
        _remove_unheld(self._folder)

    def _own(self, kind: str) -> Path:
        return self._folder / f"{os.getpid()}.{kind}"


def _joined(folder: Path) -> int:
    """Return the lock on a run's folder, made where it is missing."""
    while True:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(lock, fcntl.LOCK_SH)
            if os.fstat(lock).st_nlink:
                return lock
            os.close(lock)  # it was swept a moment ago


def _sweep(folder: Path, but: Path) -> None:
    for other in folder.iterdir():
        if other != but and other.is_dir() and not other.is_symlink():
            _remove_unheld(other)


def _remove_unheld(folder: Path) -> None:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (folder / _LOCK).unlink()
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        pass  # somebody lives there
    finally:
        os.close(lock)


def _lives(name: str) -> bool:
    try:
        os.kill(int(name), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
