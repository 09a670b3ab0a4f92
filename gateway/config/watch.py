"""Keeps the configs as their files are: good edits go live by themselves, bad ones never do."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from watchfiles import awatch

from gateway.config.folder import read
from gateway.config.interpolate import read_secret
from gateway.config.last_good import LastGood
from gateway.config.snapshot import Snapshot, files_in
from gateway.config.stamps import Stamps, settled, stamp, stamps, stamps_of
from gateway.errors import Problem

# An editor that renames, or a writer in the middle of a file, is through within the quiet time.
_DEBOUNCE_MS = 250
_QUIET_MS = 100
# Not every file system tells of changes, and secrets may lie anywhere: time stamps are compared as well.
_POLL_MS = 1000

_log = logging.getLogger("gateway.config")


class LiveConfigs:
    """Holds the snapshot that is live; requests take it once and keep what they took."""

    def __init__(self, path: Path | str, environ: Mapping[str, str], last_good: LastGood | None = None) -> None:
        """Read everything for the first time; what is bad is told in `problems`, and absent unless it was kept."""
        self.path = Path(path)
        self._last_good = last_good
        self._environ = environ
        self._reading = threading.Lock()
        self._secrets: Stamps = {}
        """Secret file → its stamp when it was read."""
        self.reloads = 0
        """Changes of the files that were read since the start, whether or not they were good."""
        self.failed_reloads = 0
        """Those of them that left problems."""
        self._files = stamps(self.path)
        self.snapshot = self._read(None) if last_good is None else last_good.start(self.path, environ, self._read)
        self.fatal = self.snapshot.fatal
        """Whether the files were so bad at the start that a server must not serve them."""
        _tell(None, self.snapshot)
        self._keep()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What the last reading found wrong."""
        return self.snapshot.problems

    def reload(self) -> bool:
        """Read the files again if they changed; returns whether anything did. Blocks: call it in a thread."""
        with self._reading:
            if stamps(self.path) == self._files and stamps_of(self._secrets) == self._secrets:
                return False
            self._files = settled(self.path)
            before, after = self.snapshot, self._read(self.snapshot)
            if _same(before, after):
                return False
            self.snapshot = after
            self.reloads += 1
            self.failed_reloads += bool(after.problems)
            _tell(before, after)
            self._keep()
            return True

    async def watch(self, stop: asyncio.Event) -> None:
        """Reload whenever the files change, until told to stop."""
        while not stop.is_set():
            places = await asyncio.to_thread(self._places)
            try:
                await self._watch(places, stop)
            except (OSError, RuntimeError) as error:  # no watches left, or a folder that went away meanwhile
                _log.debug("files are compared instead of watched: %s", error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _POLL_MS / 1000)
                await self._refresh()

    async def _watch(self, places: Mapping[Path, tuple[int, int]], stop: asyncio.Event) -> None:
        """Watch these folders until others take their place, as when a link is turned to another folder."""
        changes = awatch(
            *places,
            watch_filter=None,
            debounce=_DEBOUNCE_MS,
            step=_QUIET_MS,
            stop_event=stop,
            rust_timeout=_POLL_MS,
            yield_on_timeout=True,
            recursive=False,
            ignore_permission_denied=True,
        )
        async with contextlib.aclosing(changes):
            async for _ in changes:
                await self._refresh()
                if await asyncio.to_thread(self._places) != places:
                    return

    async def _refresh(self) -> None:
        try:
            await asyncio.to_thread(self.reload)
        except Exception:  # noqa: BLE001 - a fault of ours in reading one edit must not end the watching, nor what is live
            _log.exception("the configs could not be read", extra={"event": "config_reload_crashed"})

    def _places(self) -> dict[Path, tuple[int, int]]:
        """Return the folders in which something may change, and which folders they are at present."""
        folders = {self.path.absolute().parent, self.path.resolve() if self.path.is_dir() else self.path.parent}
        with contextlib.suppress(OSError):
            folders |= {file.resolve().parent for file in files_in(self.path)}
        found = {}
        for folder in sorted(folders):
            with contextlib.suppress(OSError):
                status = folder.stat()
                found[folder] = (status.st_dev, status.st_ino)
        return found

    def _read(self, keep: Snapshot | None) -> Snapshot:
        self._secrets = {}

        def read_file(name: str) -> str:
            self._secrets[name] = stamp(name)
            return read_secret(name)

        snapshot = read(self.path, self._environ, read_file=read_file, keep=keep)
        return self._last_good.noted(snapshot) if self._last_good else snapshot

    def _keep(self) -> None:
        if self._last_good:
            self._last_good.keep(self.path, self.snapshot, lambda: stamps(self.path) == self._files)


def _same(before: Snapshot, after: Snapshot) -> bool:
    """Whether nothing changed; specs are compared by their version, since they hold functions."""
    return (
        _versions(before) == _versions(after)
        and before.gateway == after.gateway
        and before.problems == after.problems
        and before.documents == after.documents
        and before.files == after.files
    )


def _versions(snapshot: Snapshot) -> dict[str, str]:
    return {id_: spec.version for id_, spec in snapshot.configs.items()}


def _tell(before: Snapshot | None, after: Snapshot) -> None:
    """Log each problem once, and in one line what that means for what is served."""
    old = before or Snapshot()
    for problem in after.problems:
        if problem not in old.problems:
            place = {"file": problem.file, "line": problem.line, "column": problem.column, "path": problem.path}
            _log.error("%s", problem, extra={"event": "config_problem", **place, "reason": problem.message})
    were, are = _versions(old), _versions(after)
    changed = sorted(id_ for id_ in are if are[id_] != were.get(id_))
    removed = sorted(were.keys() - are.keys())
    settings, known = after.gateway.server, old.gateway.server
    waiting = sorted(name for name in settings.keys() | known.keys() if settings.get(name) != known.get(name))
    if before is None and after.fatal:
        return  # nothing is served
    _log.info(
        "%s",
        "; ".join(_news(before, after, changed, removed, waiting)),
        extra={
            "event": "configs_loaded",
            "configs": sorted(are),
            "changed": changed,
            "removed": removed,
            "problems": len(after.problems),
            "settings_for_next_start": waiting if before else [],
        },
    )


def _news(
    before: Snapshot | None, after: Snapshot, changed: list[str], removed: list[str], waiting: list[str]
) -> Iterator[str]:
    yield f"{len(after.configs)} config{' is' if len(after.configs) == 1 else 's are'} live"
    count = f"{len(after.problems)} problem{'' if len(after.problems) == 1 else 's'}"
    if before is None:
        if after.problems:
            yield f"{count}: what has any is not served"
        return
    if before.gateway != after.gateway:
        changed = [*changed, "gateway.yaml"]
    if changed:
        yield f"changed: {', '.join(changed)}"
    if removed:
        yield f"removed: {', '.join(removed)}"
    if not changed and not removed:
        yield "nothing that is served changed"
    if waiting:
        yield f"waiting for the next start: {', '.join(waiting)}"
    if after.problems:
        yield f"{count}: what has any stays as it was"
    elif before.problems:
        yield "all problems are solved"


class NoConfigs:
    """Stands for the files of a server that was given none: headers and models alone say where its requests go."""

    path: Path | None = None
    snapshot = Snapshot()
    problems: tuple[Problem, ...] = ()
    fatal = False
    reloads = failed_reloads = 0

    async def watch(self, stop: asyncio.Event) -> None:
        """Wait until told to stop."""
        await stop.wait()


Configs = LiveConfigs | NoConfigs
