"""Ledgers of one process stay small, whoever asks: callers may name millions of users."""

import pytest

from gateway.ledger import Account, MemoryLedger, MemoryRates, RateLimit, Spent
from gateway.ledger import memory as memory_
from gateway.store import own_ledger
from tests.gateway.ledger.books import PRICE, Clock, account, draw, ledger_of


@pytest.fixture
def clock():
    return Clock()


async def test_rates_of_users_who_stay_away_are_forgotten(clock, monkeypatch):
    monkeypatch.setattr(memory_, "_ROOM", 100)
    rates = MemoryRates(clock)
    rate = RateLimit(kind="requests", unit="rpm", most=1)
    for number in range(10_000):
        user = Account(f"user {number}", "a user", None, (rate,))
        assert await rates.take(user, "requests", 1) is None
        assert await rates.take(user, "requests", 1) is not None
        clock.now += 1.0
    assert len(rates._counted) <= 300


async def test_what_is_settled_leaves_nothing_behind(clock):
    ledger, key = MemoryLedger(clock), account(usd=1000)
    for number in range(1000):
        await ledger.reserve(str(number), [draw(key, clock)], 60)
        await ledger.settle(str(number), "settled", [draw(key, clock)])
    assert not ledger.open()


async def test_an_own_ledger_forgets_accounts_but_nothing_of_what_they_spent(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(own_ledger, "_MOST_KNOWN", 10)
    users = [account(f"user {number}", images=2) for number in range(30)]
    async with ledger_of("own", tmp_path, clock) as ledger:
        for number, user in enumerate(users):
            await ledger.reserve(f"a{number}", [draw(user, clock)], 60)
            if number != 7:
                await ledger.settle(f"a{number}", "settled", [draw(user, clock)])
        await ledger.checkpoint()
        assert ledger._known == {("user 7", "all")}
        for number, user in enumerate(users):
            assert await ledger.reserve(f"b{number}", [draw(user, clock)], 60) is None
            assert await ledger.reserve(f"c{number}", [draw(user, clock)], 60) is not None
        await ledger.settle("a7", "settled", [draw(users[7], clock)])
        assert await ledger.spent([("user 7", "all")]) == [Spent(PRICE, PRICE, 1, 1)]


async def test_what_ended_is_on_disk_a_moment_later(tmp_path, clock):
    key = account(usd=1)
    async with ledger_of("own", tmp_path, clock) as ledger:
        await ledger.reserve("a", [draw(key, clock)], 60)
        await ledger.settle("a", "settled", [draw(key, clock, PRICE // 2)])
        assert b"settled" not in _noted(tmp_path)
        ledger._write_late()
        assert b"settled" in _noted(tmp_path)


def _noted(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("ledger-*.log"))
