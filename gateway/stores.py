"""The durable side of a running gateway: its database, what it has read from there, and what is on the way to it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping

from gateway.choose.callers import Admin
from gateway.choose.stored import Stored
from gateway.http.control.secrets import SPELLINGS
from gateway.keeping import data_folder, is_asked_for, opened_store
from gateway.ledger import Ledger, MemoryRates, Rates
from gateway.settings import Settings
from gateway.store import hidden, records
from gateway.store.changes import changes_after
from gateway.store.database import Database, StoreLost
from gateway.store.journal import Journal
from gateway.store.ledger import SqlLedger
from gateway.store.own_ledger import OwnLedger
from gateway.store.rates import SqlRates
from gateway.store.sole import Sole
from gateway.store.vault import Vault, admin_digest

_log = logging.getLogger("gateway.stores")

_LOOK_SECONDS = 0.4
"""Within a second every process knows what was changed in any."""
_TRIES = 20
_AGAIN_SECONDS = 0.5
_FORGET_SECONDS = 3600.0
_DAY_MS = 86_400_000
_AT_ONCE = 1000


class Stores:
    """A database that is open, and the three things that go on beside requests: looking, shipping, forgetting."""

    def __init__(self, settings: Settings, database: Database, vault: Vault, admin: Admin) -> None:
        """Take what is open."""
        self._settings = settings
        self.database = database
        self.vault = vault
        self.admin = admin
        self.stored = Stored(
            vault.digest, lambda document, place: hidden.opened(document, SPELLINGS, vault.master, place)
        )
        self._sole = _sole(settings, database)
        self.ledger: Ledger = self._sole or SqlLedger(database)
        # One process alone counts for itself; several have to count in one place.
        self.rates: Rates = MemoryRates() if settings.workers == 1 and not settings.store else SqlRates(database)
        self.journal = _journal(settings, database)
        self.tell: Callable[[], None] | None = None
        """What tells the other gateways that something was changed here."""
        self._look = asyncio.Event()
        self._refreshing = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self.lost = False
        """Whether the database did not answer when it was looked at last."""

    async def prepare(self) -> None:
        """Read what there is; raises `StoreLost`."""
        if self._sole is not None:
            await self._sole.open()
        await self.refresh()

    def begin(self) -> None:
        """Start what goes on beside requests."""
        work = [self._watch(), self._forget()]
        if self._sole is not None:
            work.append(self._sole.follow(self._stop))
        if self.journal is not None:
            work.append(self.journal.ship(self._stop))
        self._tasks = [asyncio.create_task(each) for each in work]

    def changed(self) -> None:
        """Look at once: something was changed."""
        self._look.set()

    async def changed_here(self) -> None:
        """Take over what was changed here before anybody is answered, and have the other gateways look at once."""
        if self.tell is not None:
            self.tell()
        try:
            await self.refresh()
        except StoreLost:
            self._look.set()

    async def refresh(self) -> None:
        """Take over what changed; raises `StoreLost`."""
        async with self._refreshing:  # an older look must not be taken over after a newer one
            changes = await changes_after(self.database, self.stored.revision)
            if changes is not None:
                self.stored.take(changes)

    def told(self) -> Mapping[str, object]:
        """Return how the records fare, for `/readyz`."""
        journal = self.journal
        about = {} if journal is None else {"waiting": journal.waiting, "dropped": journal.dropped}
        return {"store": "lost" if self.lost else "open", "records": about}

    async def close(self) -> None:
        """Ship what is left, and close."""
        self._stop.set()
        self._look.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.journal is not None:
            self.journal.close()
        if self._sole is not None:
            await self._sole.close()
        await self.database.close()

    async def _watch(self) -> None:
        while not self._stop.is_set():
            self._look.clear()
            try:
                await self.refresh()
                if self.lost:
                    _log.info("the database is back")
                self.lost = False
            except StoreLost as lost:
                if not self.lost:
                    _log.error("the database does not answer; configs and keys stay as they are: %s", lost)
                self.lost = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), _LOOK_SECONDS)

    async def _forget(self) -> None:
        """Remove records that are too old, in small steps."""
        while not self._stop.is_set():
            before = int(time.time() * 1000) - self._settings.log_keep_days * _DAY_MS  # noqa: TID251 - records bear it
            try:
                forgotten = _AT_ONCE
                while forgotten == _AT_ONCE:
                    forgotten = await records.forget(self.database, before, _AT_ONCE)
            except StoreLost as lost:
                _log.warning("old records could not be removed: %s", lost)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _FORGET_SECONDS)


async def opened(settings: Settings) -> Stores | None:
    """Return the stores, `None` where there are none and the settings ask for none.

    A worker without the database that was asked for would know no key: it tries for a while, and raises `StoreLost`.
    """
    tries = _TRIES
    while True:
        try:
            database, vault = await opened_store(settings)
            break
        except StoreLost as lost:
            if not is_asked_for(settings):
                words = "nothing is kept, and there is no control plane: %s. "
                _log.warning(words + "Name a folder that can be written to with --data.", lost)
                return None
            tries -= 1
            if not tries:
                raise
            _log.warning("the database cannot be opened yet: %s", lost)
            await asyncio.sleep(_AGAIN_SECONDS)
    if settings.admin_key:
        digest = vault.digest(settings.admin_key)
    else:
        digest, _ = await admin_digest(database, vault)
    stores = Stores(settings, database, vault, Admin(digest, vault.digest))
    try:
        await stores.prepare()
    except StoreLost as lost:
        _log.error("the database does not answer: %s", lost)
    return stores


def _sole(settings: Settings, database: Database) -> Sole | None:
    """Return the ledger of a gateway that is one process; several count in one place."""
    if settings.workers > 1 or settings.store or settings.redis:
        return None
    folder = data_folder(settings)
    return Sole(lambda: OwnLedger(database, folder))


def _journal(settings: Settings, database: Database) -> Journal | None:
    folder = data_folder(settings) / "journal"
    try:
        return Journal(folder, lambda rows: records.insert(database, rows), bytes_max=settings.journal_bytes)
    except OSError as error:
        _log.warning("no records of requests are kept: %s cannot be used (%s)", folder, error.strerror or error)
        return None
