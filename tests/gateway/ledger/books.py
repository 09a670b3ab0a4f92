"""Ledgers of every kind, to be held to the same promises."""

import contextlib

import sqlalchemy as sa

from gateway.ledger import Account, Draw, MemoryLedger, MemoryRates, UsageLimit, window_at
from gateway.store.database import database, sqlite_url
from gateway.store.ledger import SqlLedger
from gateway.store.migrations import migrate
from gateway.store.own_ledger import OwnLedger
from gateway.store.rates import SqlRates
from gateway.store.tables import counters, rates, reservations

PRICE = 40_000


class Clock:
    """Seconds since the epoch, as far as a test lets them pass."""

    def __init__(self, now=1_795_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


@contextlib.asynccontextmanager
async def ledger_of(kind, folder, clock, url=None):
    if kind == "memory":
        yield MemoryLedger(clock)
        return
    async with _empty(url or sqlite_url(folder / "ledger.db")) as store:
        if kind != "own":
            yield SqlLedger(store, clock)
            return
        ledger = OwnLedger(store, folder / "ledger", clock)
        try:
            await ledger.load()
            yield ledger
        finally:
            await ledger.close()


@contextlib.asynccontextmanager
async def rates_of(kind, folder, clock, url=None):
    if kind == "memory":
        yield MemoryRates(clock)
        return
    async with _empty(url or sqlite_url(folder / "rates.db")) as store:
        yield SqlRates(store, clock)


@contextlib.asynccontextmanager
async def _empty(url):
    store = database(url)
    try:
        await migrate(store)
        async with store.write() as connection:
            for table in (counters, reservations, rates):
                await connection.execute(sa.delete(table))
        yield store
    finally:
        await store.close()


def account(name="a", *, images=None, usd=None, alert=None, reset=None):
    micros = None if usd is None else round(usd * 1_000_000)
    alert = None if alert is None else round(alert * 1_000_000)
    limit = UsageLimit(credit_micros=micros, images=images, reset=reset, alert_micros=alert)
    return Account(name, f"the key {name!r}", limit)


def draw(of, clock, micros=PRICE, images=1):
    return Draw(of, window_at(of.limit.reset, clock()), micros, images)
