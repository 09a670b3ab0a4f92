"""When files were written last, and whether somebody is writing them now."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from gateway.config.snapshot import files_in

_SETTLE_SECONDS = 0.05
_SETTLE_ROUNDS = 10

Stamp = tuple[int, ...]
Stamps = dict[str, Stamp]


def settled(path: Path) -> Stamps:
    """Return the files' stamps as soon as none is being written: half of a file is not read."""
    files = stamps(path)
    for _ in range(_SETTLE_ROUNDS):
        time.sleep(_SETTLE_SECONDS)
        before, files = files, stamps(path)
        if not any(_is_written(before.get(file, ()), now) for file, now in files.items()):
            break
    return files


def stamps(path: Path) -> Stamps:
    """Return the stamps of all files of the configs."""
    try:
        return stamps_of(str(file) for file in files_in(path))
    except OSError:
        return {}


def stamps_of(files: Iterable[str]) -> Stamps:
    """Return the stamps of these files."""
    return {file: stamp(file) for file in files}


def stamp(file: str) -> Stamp:
    """Return what changes with a file, nothing where there is none."""
    try:
        status = os.stat(file)  # noqa: PTH116 - a name may hold anything, even a null byte
    except (OSError, ValueError):
        return ()
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _is_written(before: Stamp, after: Stamp) -> bool:
    """Whether a file changed in its place; one that was renamed into it is whole already."""
    return before != after and before[-1:] in ((), after[-1:])
