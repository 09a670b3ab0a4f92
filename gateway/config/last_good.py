"""Keeps each file of the configs as it last was good, so that a bad edit takes nothing away at the next start."""

import contextlib
import hashlib
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from gateway.config.folder import read
from gateway.config.snapshot import Snapshot, content, files_in, is_gateway_file
from gateway.errors import InvalidConfig, Problem

_log = logging.getLogger("gateway.config")


class LastGood:
    """Keeps what the files hold, byte for byte: references to secrets stay references."""

    def __init__(self, folder: Path) -> None:
        """Keep below a folder, which may not be there yet."""
        self._folder = folder
        self._recalled: Snapshot | None = None
        self._failed = False

    def start(
        self, path: Path, environ: Mapping[str, str], read_all: Callable[[Snapshot | None], Snapshot]
    ) -> Snapshot:
        """Return the first reading, with bad files as they were when they last were good, where that is known."""
        first = read_all(None)
        if first.problems:
            with contextlib.suppress(OSError):
                self._recalled = self._recall(path, _bad(first), environ)
        return first if self._recalled is None else replace(read_all(self._recalled), fatal=False)

    def keep(self, path: Path, snapshot: Snapshot, unchanged: Callable[[], bool]) -> None:
        """Keep the files that have no problems, unless they are others by now than those that were read."""
        bad = _bad(snapshot)
        try:
            good = {file.name: content(file) for file in files_in(path) if str(file) not in bad}
            if unchanged():
                for name, data in good.items():
                    _write(self._place(path) / name, data)
                self._forget(path)
        except (OSError, InvalidConfig) as error:
            if not self._failed:  # once: the next edit would only say the same
                words = "configs are not kept for a start with bad files, as %s cannot be used: %s"
                _log.warning(words, self._folder, error)
            self._failed = True

    def noted(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with one more problem for each file that is still served as it was before the start."""
        before = self._recalled
        if before is None:
            return snapshot
        served = [file for file, id_ in snapshot.files.items() if snapshot.configs[id_] is before.configs.get(id_)]
        if snapshot.gateway_file is not None and snapshot.gateway is before.gateway:
            served.append(snapshot.gateway_file)
        message = "this file is bad, and is served as it was when it last was good, before this start."
        notices = [Problem(message=message, file=file) for file in served if file in _bad(snapshot)]
        return replace(snapshot, problems=(*snapshot.problems, *notices))

    def _recall(self, path: Path, bad: set[str], environ: Mapping[str, str]) -> Snapshot | None:
        """Return what is kept, if it can be served; what was deleted since stays deleted."""
        self._forget(path)
        place, present = self._place(path), files_in(path)
        before = read(place, environ)
        now = {str(place / file.name): str(file) for file in present}
        # Without its gateway file the gateway would be open to everyone.
        is_open = before.gateway_file is None and any(is_gateway_file(file) and str(file) in bad for file in present)
        if before.fatal or is_open:
            return None
        gateway_file = before.gateway_file and now[before.gateway_file]
        return replace(before, files={now[file]: id_ for file, id_ in before.files.items()}, gateway_file=gateway_file)

    def _forget(self, path: Path) -> None:
        """Remove the files that are gone."""
        names = {file.name for file in files_in(path)}
        for kept in _entries(self._place(path)):
            if kept.name not in names:
                kept.unlink(missing_ok=True)

    def _place(self, path: Path) -> Path:
        """Return where the files of one folder are: several gateways may share the data folder."""
        return self._folder / hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]


def _bad(snapshot: Snapshot) -> set[str]:
    return {problem.file for problem in snapshot.problems if problem.file is not None}


def _entries(folder: Path) -> Iterable[Path]:
    return tuple(folder.iterdir()) if folder.is_dir() else ()


def _write(file: Path, data: bytes) -> None:
    """Write a file that is whole, or as it was before, whenever the power fails."""
    with contextlib.suppress(FileNotFoundError):
        if file.read_bytes() == data:
            return
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = file.parent / f".{file.name}.{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            new.write(data)
            new.flush()
            os.fsync(new.fileno())
        aside.rename(file)
    finally:
        aside.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name as well
    finally:
        os.close(folder)
