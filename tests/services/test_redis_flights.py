"""One call for all who want the same, on several gateways."""

import asyncio

import pytest

from gateway.state.redis import RedisFlights, RedisState, Server
from gateway.state.redis import flights as flights_module
from gateway.state.redis import leases as leases_module
from tests.services.redis_worker import workers
from tests.services.waiting import sleep_until

LONG = 20.0


class Gateway:
    """One gateway's flights, and what it would paint."""

    def __init__(self, url, prefix, name):
        self.server = Server(url, prefix=prefix)
        self.state, self.flights = RedisState(self.server), RedisFlights(self.server)
        self.name, self.calls = name, 0
        self.may_end = asyncio.Event()
        self.verdict, self.keeps, self.ends = "for all", True, None

    async def call(self):
        self.calls += 1
        await self.may_end.wait()
        if isinstance(self.ends, Exception):
            raise self.ends
        if self.verdict == "for all" and self.keeps:
            await self.state.put(b"kept", self.name, 60)
        return self.name

    async def look(self):
        return await self.state.get(b"kept")

    def join(self, key=b"key", seconds=LONG, **more):
        until = asyncio.get_running_loop().time() + seconds
        judge = lambda result: self.verdict if result == self.name else "for all"  # noqa: E731
        return asyncio.ensure_future(self.flights.join(key, self.call, judge, until=until, look=self.look, **more))

    async def close(self):
        await self.flights.close()
        await self.server.close()


@pytest.fixture
async def gateways(shared_redis, prefix):
    gateways = [Gateway(shared_redis.url, prefix, name) for name in (b"a", b"b", b"c")]
    yield gateways
    for gateway in gateways:
        await gateway.close()


async def led(gateway, **more):
    """Return what will be the result of a call that is under way."""
    before = gateway.calls
    coming = gateway.join(**more)
    await sleep_until(lambda: gateway.calls > before or coming.done())
    return coming


async def test_40_askers_in_two_processes_make_one_call(shared_redis, prefix):
    with workers(*[("fly", shared_redis.url, prefix, 20, 0.3)] * 2) as both:
        for worker in both:
            worker.go()
        got = [worker.result() for worker in both]
    assert sum(each["painted"] for each in got) == 1
    assert sum(each["own"] for each in got) == 1
    assert [each["kinds"] for each in got] == [1, 1]


async def test_others_are_told_at_once(gateways, monkeypatch):
    monkeypatch.setattr(flights_module, "_LOOK_SECONDS", 10)
    a, b, c = gateways
    first = await led(a)
    waiting = [b.join(), b.join(), c.join()]
    await asyncio.sleep(0.2)
    loop = asyncio.get_running_loop()
    ended = loop.time()
    a.may_end.set()
    assert await asyncio.gather(first, *waiting) == [(b"a", True), *[(b"a", False)] * 3]
    assert loop.time() - ended < 0.2
    assert (a.calls, b.calls, c.calls) == (1, 0, 0)


async def test_what_was_kept_between_a_look_and_its_turn_is_found(gateways):
    a, b, _ = gateways
    a.may_end.set()
    assert await a.join() == (b"a", True)
    assert await b.join() == (b"a", False)
    assert b.calls == 0


async def test_after_a_failure_one_other_goes_on(gateways):
    a, b, c = gateways
    a.verdict = "next"
    first = await led(a)
    waiting = [b.join(), c.join()]
    await asyncio.sleep(0.1)
    for gateway in gateways:
        gateway.may_end.set()
    assert await first == (b"a", True)
    got = await asyncio.gather(*waiting)
    assert b.calls + c.calls == 1
    assert sorted(own for _, own in got) == [False, True]
    assert len({result for result, _ in got}) == 1


@pytest.mark.parametrize("how", ["crash", "leave"])
async def test_who_crashes_or_leaves_hands_on(gateways, how):
    a, b, _ = gateways
    a.ends = RuntimeError("a bug")
    first = await led(a)
    second = b.join()
    await asyncio.sleep(0.1)
    b.may_end.set()
    first.cancel() if how == "leave" else a.may_end.set()
    assert await second == (b"b", True)
    await asyncio.gather(first, return_exceptions=True)


async def test_who_waits_too_long_leaves(gateways):
    a, b, _ = gateways
    first = await led(a)
    with pytest.raises(TimeoutError):
        await b.join(seconds=0.3)
    a.may_end.set()
    assert await first == (b"a", True)


async def test_what_is_for_nobody_else_is_called_by_each_at_once(gateways):
    a, b, c = gateways
    a.verdict = b.verdict = c.verdict = "each"
    first = await led(a)
    waiting = [a.join(), a.join(), b.join(), b.join(), c.join()]
    await asyncio.sleep(0.1)
    a.may_end.set()
    await sleep_until(lambda: (a.calls, b.calls, c.calls) == (3, 1, 1))  # none of which has ended yet
    b.may_end.set()
    c.may_end.set()
    assert [own for _, own in await asyncio.gather(first, *waiting)] == [True] * 6


async def test_a_refresh_waits_for_one_under_way_and_takes_nothing_older(gateways):
    a, b, _ = gateways
    await a.state.put(b"kept", b"old", 60)
    first = await led(a, anew=True)
    second = b.join(anew=True)
    await asyncio.sleep(0.1)
    a.may_end.set()
    assert await asyncio.gather(first, second) == [(b"a", True), (b"a", False)]
    b.may_end.set()
    assert await b.join(anew=True) == (b"b", True)


async def test_a_result_that_could_not_be_kept_is_called_for_again(gateways):
    a, b, _ = gateways
    a.keeps = False
    first = await led(a)
    second = b.join()
    await asyncio.sleep(0.1)
    a.may_end.set()
    b.may_end.set()
    assert await asyncio.gather(first, second) == [(b"a", True), (b"b", True)]


async def test_a_leader_that_dies_is_followed_when_its_lease_ends(gateways, monkeypatch):
    monkeypatch.setattr(flights_module, "LEASE_MS", 400)
    a, b, _ = gateways
    first = await led(a)
    await a.server.close()  # nothing is heard of it any more
    b.may_end.set()
    assert await b.join(seconds=2) == (b"b", True)
    first.cancel()
    await asyncio.wait([first])


async def test_a_leader_that_lives_is_waited_for_however_long_it_takes(gateways, monkeypatch):
    monkeypatch.setattr(flights_module, "LEASE_MS", 300)
    monkeypatch.setattr(leases_module, "_RENEW_SECONDS", 0.1)
    a, b, _ = gateways
    first = await led(a)
    second = b.join()
    await asyncio.sleep(0.8)
    a.may_end.set()
    assert await asyncio.gather(first, second) == [(b"a", True), (b"a", False)]


async def test_nothing_is_left_of_flights_that_are_over(gateways):
    a, b, _ = gateways
    a.verdict = "next"
    a.may_end.set()
    for _ in range(3):
        await a.join()
    await sleep_until(lambda: not a.server._errands)
    assert await b.server.do("KEYS", b.server.key("*flight*")) == []
    assert a.flights._here._waiting == a.flights._waiting == a.flights._leases._held == {}
