"""Files that processes share: locked, written to their end, and told apart from those that took their name."""

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCKS = fcntl is not None
"""Whether files can be locked here."""


def lock(file: int) -> bool:
    """Lock an open file, unless another one has it; closing it, or the end of the process, unlocks it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(file: int, place: Path) -> bool:
    """Whether an open file is still the one that has the name."""
    try:
        return os.path.samestat(os.fstat(file), place.stat())
    except FileNotFoundError:
        return False


def add(file: int, data: bytes) -> None:
    """Write to the end of an open file."""
    os.lseek(file, 0, os.SEEK_END)
    if os.write(file, data) != len(data):
        raise OSError("the disk is full")


def sync(folder: Path) -> None:
    """Have the names in a folder outlive a loss of power."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def age(place: Path, now: float) -> float:
    """Return how many seconds ago a file was written; what is gone is as young as can be."""
    try:
        return now - place.stat().st_mtime
    except FileNotFoundError:
        return 0.0
