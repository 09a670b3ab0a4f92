"""Rates on a real server: never more than a limit says in any stretch, whoever counts."""

import asyncio
import random

import pytest

from gateway.ledger import Account, MemoryRates, RateLimit
from gateway.state.redis import RedisRates, Server
from gateway.state.redis import rates as rates_module
from tests.services.test_redis_ledger import frozen

RPM = RateLimit(kind="requests", unit="rpm", most=10)
RPD = RateLimit(kind="requests", unit="rpd", most=25)
IPM = RateLimit(kind="images", unit="rpm", most=7)


def account(*rates, name="api_key:a"):
    return Account(name, "the key 'a'", rates=rates)


async def test_many_at_once_get_what_there_is(server, shared_redis, prefix):
    other = Server(shared_redis.url, prefix=prefix)
    both = [RedisRates(server), RedisRates(other)]
    found = await asyncio.gather(*(both[number % 2].take(account(RPM), "requests", 1) for number in range(64)))
    await other.close()
    assert sum(each is None for each in found) == 10
    refused = [each for each in found if each is not None]
    assert {each.which for each in refused} == {"rate_limits: 10 requests rpm"}
    assert all(58 < each.seconds <= 61 for each in refused)


async def test_all_limits_of_a_kind_are_taken_from_or_none(server):
    rates, of = RedisRates(server), account(RPM, RPD, IPM)
    assert await rates.take(of, "images", 7) is None
    assert (await rates.take(of, "images", 8)).seconds is None
    assert (await rates.take(of, "images", 1)).which == "rate_limits: 7 images rpm"
    few = RateLimit(kind="requests", unit="rph", most=2)
    for left in (None, None, "rate_limits: 2 requests rph"):
        refused = await rates.take(account(RPM, few), "requests", 1)
        assert (refused and refused.which) == left
    for _ in range(8):
        assert await rates.take(account(RPM), "requests", 1) is None
    assert await rates.take(account(), "requests", 1) is None


async def test_names_with_braces_are_apart(server):
    rates = RedisRates(server)
    one = RateLimit(kind="requests", unit="rpm", most=1)
    for name in ("metadata:{a}", "metadata:(a)", "metadata:}{", "metadata:\ud800"):
        assert await rates.take(account(one, name=name), "requests", 1) is None
        assert await rates.take(account(one, name=name), "requests", 1) is not None


async def test_the_same_limit_written_twice_is_one(server):
    rates = RedisRates(server)
    assert [await rates.take(account(RPM, RPM), "requests", 5) is None for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("seed", range(4))
async def test_the_same_is_admitted_as_in_memory(server, monkeypatch, seed):
    monkeypatch.setattr(rates_module, "TAKE", frozen(rates_module.TAKE))
    chance, now = random.Random(seed), 1_700_000_000.0
    shared, alone, of = RedisRates(server), MemoryRates(lambda: now), account(RPM, RPD)
    taken = []
    for _ in range(300):
        now += chance.choice([0.0, 0.3, 1.0, 5.0, 61.0, 2000.0])
        await server.do("SET", "test clock", repr(now))
        amount = chance.choice([1, 1, 2, 5, 11])
        here, there = await shared.take(of, "requests", amount), await alone.take(of, "requests", amount)
        assert (here is None) == (there is None)
        if here is None:
            taken.append((now, amount))
            continue
        assert (here.which, here.seconds is None) == (there.which, there.seconds is None)
        if here.seconds is not None:
            assert here.seconds == pytest.approx(there.seconds, abs=1e-3)
    for rate in (RPM, RPD):
        for at, _ in taken:
            assert sum(count for moment, count in taken if at <= moment < at + rate.seconds) <= rate.most
    key = server.key(f"{{rates:{of.name}}}:requests:rpd:25:{of.name}")
    assert await server.do("HLEN", key) <= 63
    assert 0 < await server.do("TTL", key) <= 2 * 86_400
