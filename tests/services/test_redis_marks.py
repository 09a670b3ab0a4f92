"""What gateways tell each other: marks and rings, also after a line was cut."""

import asyncio
import math

import pytest

from gateway.state.redis import Bell, Marks, Server
from tests.services.waiting import sleep_until


@pytest.fixture
async def both(shared_redis, prefix):
    servers = [Server(shared_redis.url, prefix=prefix) for _ in range(2)]
    yield servers
    for server in servers:
        await server.close()


def listening(server):
    heard = []
    Marks(server).listen(lambda *mark: heard.append(mark))
    return heard


async def connected(server, count=1):
    async with asyncio.timeout(5):
        while (await server.do("PUBSUB NUMSUB", server.key("news")))[1] < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_mark_holds_in_the_others_at_once(both):
    here, there = both
    marks, own = Marks(here), []
    marks.listen(lambda *mark: own.append(mark))
    heard = listening(there)
    await connected(here, 2)
    Marks(there).publish(b"first", "m", 1)  # whoever knows of it looks at no older ones any more
    await sleep_until(lambda: heard and own, 1)
    marks.publish(b"\x00\xff", "gpt-image-1", 30.5)
    await sleep_until(lambda: b"\x00\xff" in {identity for identity, _, _ in heard}, 1)
    assert [mark for mark in heard if mark[0] != b"first"] == [(b"\x00\xff", "gpt-image-1", 30.5)]
    assert {identity for identity, _, _ in own} == {b"first"}


async def test_who_comes_later_learns_of_marks_that_hold(both):
    here, there = both
    marks = Marks(here)
    for seconds in (50, 60, 20):
        marks.publish(b"a", "m", seconds)
    marks.publish(b"b", "m", 0.05)
    marks.publish(b"a", "other", 40)
    await sleep_until(lambda: not here._errands)
    await asyncio.sleep(0.06)
    heard = listening(there)
    await sleep_until(lambda: len(heard) >= 2)
    assert [(identity, model) for identity, model, _ in sorted(heard)] == [(b"a", "m"), (b"a", "other")]
    assert all(left - 2 < seconds <= left for (_, _, seconds), left in zip(sorted(heard), (60, 40), strict=True))
    assert 50 < await here.do("TTL", here.key("marks")) <= 60


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 1e300, 1e-9])
async def test_odd_times_do_no_harm(both, seconds):
    here, there = both
    heard = listening(there)
    await connected(here)
    Marks(here).publish(b"a", "m\ud800", seconds)
    Marks(here).publish(b"last", "m", 1)
    await sleep_until(lambda: any(identity == b"last" for identity, _, _ in heard))
    assert all(0 <= each <= 86_400 for _, _, each in heard)


async def test_nonsense_is_heard_without_harm(both, caplog):
    here, there = both
    heard = listening(there)
    await connected(here)
    for news in (b"", b"mark", b"mark ", b"mark {}", b"mark [1,2,3]", b"other x", b"\xff"):
        await here.do("PUBLISH", here.key("news"), news)
    Marks(here).publish(b"a", "m", 1)
    await sleep_until(lambda: heard)
    assert "news from another gateway were not understood" in caplog.messages


async def test_marks_are_bounded(both, monkeypatch):
    here, _ = both
    from gateway.state.redis import marks as marks_module  # noqa: PLC0415
    from gateway.state.redis.script import Script  # noqa: PLC0415

    text = marks_module._SET.text
    assert "-10001" in text
    monkeypatch.setattr(marks_module, "_SET", Script(text.replace("-10001", "-6")))
    for number in range(20):
        Marks(here).publish(b"%d" % number, "m", 10 + number)
    await sleep_until(lambda: not here._errands)
    assert await here.do("ZCARD", here.key("marks")) == 5


async def test_a_ring_is_heard_by_all(both):
    rings = [asyncio.Event(), asyncio.Event()]
    for server, rung in zip(both, rings, strict=True):
        Bell(server).listen(rung.set)
    await connected(both[0], 2)
    await sleep_until(lambda: all(rung.is_set() for rung in rings))  # what was missed before is not known
    for rung in rings:
        rung.clear()
    Bell(both[0]).ring()
    await sleep_until(lambda: all(rung.is_set() for rung in rings), 1)


@pytest.mark.parametrize("how", ["killed", "a black hole"])
async def test_after_an_outage_everything_is_heard_again(own_redis, how):
    here, there = [Server(own_redis.url) for _ in range(2)]
    heard, rung = listening(there), []
    Bell(there).listen(lambda: rung.append(1))
    await connected(here)
    await sleep_until(lambda: rung)
    own_redis.kill() if how == "killed" else own_redis.pause()
    Marks(here).publish(b"lost", "m", 30)
    await asyncio.sleep(2.6 if how == "a black hole" else 0.1)
    own_redis.start() if how == "killed" else own_redis.resume()
    count = len(rung)
    await sleep_until(lambda: not here.is_lost, 2)
    Marks(here).publish(b"a", "m", 30)  # heard, or read when the line is there again
    await sleep_until(lambda: any(identity == b"a" for identity, _, _ in heard), 2)
    await sleep_until(lambda: len(rung) > count, 2)
    for server in (here, there):
        await server.close()


async def test_many_marks_at_once_are_dropped_rather_than_piled_up(both):
    here, _ = both
    for number in range(5000):
        Marks(here).publish(b"%d" % number, "m", 1)
    assert len(here._errands) <= 1000
