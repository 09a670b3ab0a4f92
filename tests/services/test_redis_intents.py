"""Idempotency keys across machines: one key is one run, and nothing that may have been paid is sent again."""

import asyncio
import errno
import signal

import pytest

from gateway.errors import GatewayError
from gateway.http.idempotency import Once
from gateway.state.claims import Answered
from gateway.state.redis import RedisIntents, Server
from gateway.state.redis import intents as intents_module
from gateway.state.redis import leases as leases_module
from tests.gateway.test_idempotency import Work, body_of, refused, replayed, send
from tests.services.proxy import Proxy
from tests.services.redis_worker import workers
from tests.services.waiting import sleep_until

NAME, OTHER = "ab" * 32, "abcd" * 16
ONE, TWO = "1" * 64, "2" * 64
HEADERS = [(b"content-type", b"application/json"), (b"x-odd", b"\xe9")]
MIB = 1 << 20


@pytest.fixture
async def intents(server):
    intents = RedisIntents(server)
    yield intents
    await intents.close()


@pytest.fixture
async def elsewhere(shared_redis, prefix):
    server = Server(shared_redis.url, prefix=prefix)
    intents = RedisIntents(server)
    yield intents
    await intents.close()
    await server.close()


async def whole(answered):
    return b"".join([piece async for piece in answered.pieces()])


def is_claim(found):
    return not isinstance(found, str | Answered)


async def test_only_the_first_has_the_right_until_it_is_given_back(intents, elsewhere):
    claim = await intents.claim(NAME, ONE)
    assert is_claim(claim)
    for asked in (intents, elsewhere):
        assert [await asked.claim(NAME, ONE), await asked.claim(NAME, TWO)] == ["running", "reused"]
    assert is_claim(await elsewhere.claim(OTHER, ONE))
    await claim.forget()
    assert is_claim(await elsewhere.claim(NAME, TWO))


@pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1, 5 * MIB + 3])
async def test_an_answer_is_kept_as_it_was_for_a_day(intents, elsewhere, server, size):
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    await (await intents.claim(NAME, ONE)).keep(201, HEADERS, [body[:1000], b"", body[1000:]])
    kept = await elsewhere.claim(NAME, ONE)
    assert (kept.status, kept.headers, kept.size) == (201, HEADERS, size)
    assert await whole(kept) == body
    assert await elsewhere.claim(NAME, TWO) == "reused"
    for name in await server.do("KEYS", server.key("*")):
        assert 86_300 < await server.do("TTL", name) <= 86_460
        assert await server.do("MEMORY USAGE", name) < 1.5 * MIB


async def test_what_was_not_said_is_unknown(intents, elsewhere):
    await (await intents.claim(NAME, ONE)).abandon()
    assert await elsewhere.claim(NAME, ONE) == "unknown"
    assert await elsewhere.claim(NAME, TWO) == "reused"


async def test_an_answer_that_is_too_large_is_lost(intents, elsewhere, server, monkeypatch):
    monkeypatch.setattr(intents_module, "ANSWER_BYTES", 3 * MIB)
    claim = await intents.claim(NAME, ONE)
    with pytest.raises(OSError, match="larger") as raised:
        await claim.keep(200, HEADERS, [bytes(MIB)] * 3 + [b"x"])
    assert raised.value.errno == errno.EFBIG
    assert await elsewhere.claim(NAME, ONE) == "lost"
    while server._errands:
        await asyncio.gather(*server._errands)
    assert await server.do("KEYS", server.key("piece*")) == []
    await (await intents.claim(OTHER, ONE)).keep(200, HEADERS, [bytes(MIB)] * 3)
    assert isinstance(await elsewhere.claim(OTHER, ONE), Answered)


async def test_a_lease_is_renewed_as_long_as_its_owner_lives_and_no_longer(intents, elsewhere, monkeypatch):
    monkeypatch.setattr(intents_module, "LEASE_MS", 300)
    monkeypatch.setattr(leases_module, "_RENEW_SECONDS", 0.1)
    claim = await intents.claim(NAME, ONE)
    await asyncio.sleep(0.6)
    assert await elsewhere.claim(NAME, ONE) == "running"
    await intents.leases.close()
    await asyncio.sleep(0.4)
    assert await elsewhere.claim(NAME, ONE) == "unknown"
    await claim.keep(200, HEADERS, [b"late"])  # it was alive after all
    assert await whole(await elsewhere.claim(NAME, ONE)) == b"late"


async def test_what_the_server_forgot_its_owner_notes_again(intents, elsewhere, server, monkeypatch):
    monkeypatch.setattr(leases_module, "_RENEW_SECONDS", 0.1)
    claim = await intents.claim(NAME, ONE)
    await server.do("FLUSHDB")
    await asyncio.sleep(0.3)
    assert await elsewhere.claim(NAME, ONE) == "running"
    assert await elsewhere.claim(NAME, TWO) == "reused"
    await server.do("FLUSHDB")
    await claim.keep(200, HEADERS, [b"a picture"])
    assert await whole(await elsewhere.claim(NAME, ONE)) == b"a picture"


async def test_who_lost_its_right_to_another_takes_nothing_from_it(intents, elsewhere, server):
    first = await intents.claim(NAME, ONE)
    await server.do("FLUSHDB")
    second = await elsewhere.claim(NAME, ONE)
    await first.keep(200, HEADERS, [b"one"])
    await first.forget()
    await first.abandon()
    assert await intents.claim(NAME, ONE) == "running"
    await second.keep(200, HEADERS, [b"two"])
    assert await whole(await intents.claim(NAME, ONE)) == b"two"


async def test_a_claim_whose_answer_was_lost_is_taken_back(shared_redis, prefix, elsewhere):
    async with Proxy(shared_redis.port) as proxy:
        server = Server(f"redis://127.0.0.1:{proxy.port}", prefix=prefix)
        intents = RedisIntents(server)
        await server.do("PING")
        proxy.drops = True
        with pytest.raises(OSError, match="does not answer"):
            await intents.claim(NAME, ONE)
        assert await elsewhere.claim(NAME, ONE) == "running"
        proxy.drops = False
        await sleep_until(lambda: not intents._undone)
        assert is_claim(await elsewhere.claim(NAME, ONE))
        await intents.close()
        await server.close()


async def test_a_claim_that_comes_after_it_was_taken_back_is_none(intents, server):
    from gateway.state.redis.intent_scripts import CLAIM, FORGET  # noqa: PLC0415

    await intents.run(FORGET, NAME, "token", "late")
    assert await intents.run(CLAIM, NAME, "token", ONE, 5000, 86_400) == 3
    assert is_claim(await intents.claim(NAME, ONE))


async def test_a_piece_that_is_gone_ends_the_reading(intents, server):
    await (await intents.claim(NAME, ONE)).keep(200, HEADERS, [bytes(3 * MIB)])
    kept = await intents.claim(NAME, ONE)
    for name in await server.do("KEYS", server.key("piece*:2")):
        await server.do("DEL", name)
    with pytest.raises(OSError, match="gone"):
        await whole(kept)


# --- behind the edge ---


async def test_50_keys_with_100_duplicates_each_over_two_processes_run_once(shared_redis, prefix, server):
    each = ("once", shared_redis.url, prefix, 50, 50, 0.5)
    with workers(each, each) as both:
        for worker in both:
            worker.go()
        got = [worker.result() for worker in both]
    assert got[0] == got[1]
    assert {len(bodies) for bodies in got[0].values()} == {1}
    runs = [int(await server.do("GET", server.key(f"runs:key-{number}"))) for number in range(50)]
    assert runs == [1] * 50


async def test_after_kill_9_of_the_owner_the_outcome_is_unknown(shared_redis, prefix, server, intents):
    once, key = Once(intents), "key-0"
    with workers(("once", shared_redis.url, prefix, 1, 1, 30, 1500)) as [worker]:
        worker.go()
        async with asyncio.timeout(5):
            while await server.do("GET", server.key(f"runs:{key}")) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        request = _asking(key)
        assert await refused(send(once, Work.done(), key, request, seconds=0.2)) == (409, "request_in_progress")
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait(5)
    work = Work.done()
    assert await refused(send(once, work, key, request, seconds=10)) == (409, "outcome_unknown")
    assert work.runs == 0


def _asking(prompt):
    from gateway.images import ImageRequest  # noqa: PLC0415

    return ImageRequest(params={"prompt": prompt})


async def test_another_gateway_waits_and_gets_the_same_bytes(intents, elsewhere):
    here, there, work = Once(intents), Once(elsewhere), Work(ends=b"a picture" * 300_000)
    first = asyncio.create_task(send(here, work))
    await sleep_until(lambda: work.runs)
    assert await refused(send(there, work, request=_asking("another"))) == (422, "idempotency_key_reused")
    waiting = [asyncio.create_task(send(there, work)) for _ in range(3)]
    await asyncio.sleep(0.15)
    work.may_end.set()
    answers = [await first, *[await task for task in waiting]]
    assert {await body_of(answer) for answer in answers} == {b"a picture" * 300_000}
    assert [replayed(answer) for answer in answers] == [False, True, True, True]
    assert work.runs == 1


async def test_without_the_server_nothing_is_sent(own_redis):
    server = Server(own_redis.url)
    once, work = Once(RedisIntents(server)), Work.done()
    own_redis.kill()
    for _ in range(2):
        with pytest.raises(GatewayError) as raised:
            await send(once, work)
        assert (raised.value.status, raised.value.headers) == (503, {"retry-after": "5"})
    assert work.runs == 0
    own_redis.start()
    await sleep_until(lambda: not server.is_lost, 2)
    await sleep_until(lambda: not once._intents._undone, 2)
    assert await body_of(await send(once, work)) == b"a picture"
    await once._intents.close()
    await server.close()


async def test_an_answer_is_given_although_the_server_dies_while_it_is_painted(own_redis, caplog):
    server = Server(own_redis.url)
    intents, work = RedisIntents(server), Work()
    once = Once(intents)
    coming = asyncio.create_task(send(once, work))
    await sleep_until(lambda: work.runs)
    own_redis.kill()
    work.may_end.set()
    assert await body_of(await coming) == b"a picture"
    assert any("cannot be kept" in line for line in caplog.messages)
    await intents.close()
    await server.close()
