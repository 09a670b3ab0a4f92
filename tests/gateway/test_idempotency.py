"""Idempotency keys inside one process: who runs, who waits, what is kept, and what the others are told."""

import asyncio
import errno
import random
from dataclasses import dataclass, field

import pytest

from gateway.errors import GatewayError
from gateway.http.idempotency import Once
from gateway.http.keyed import fingerprint_of, is_final, key_of
from gateway.http.sliced import Sliced
from gateway.images import ImageRequest, Picture
from gateway.secret import Secret
from gateway.state.intents import Intents
from strategies import Cause, Failure, Journey, Success, Try
from tests.gateway.delivery.pictures import upload


@dataclass(eq=False)
class Work:
    """A run by script: waits until it may end, then gives or raises what it was told to."""

    ends: object = b"a picture"
    keep: bool = True
    sent: bool = True
    runs: int = 0
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self):
        self.runs += 1
        await self.may_end.wait()
        if isinstance(self.ends, BaseException):
            raise self.ends
        content = self.ends() if callable(self.ends) else self.ends
        headers = [(b"content-type", b"image"), (b"x-portkey-trace-id", b"first"), (b"server-timing", b"x")]
        return (200, headers, content), self.keep

    @classmethod
    def done(cls, *args, **kwargs):
        work = cls(*args, **kwargs)
        work.may_end.set()
        return work


@pytest.fixture
def intents(tmp_path):
    return Intents(tmp_path / "idempotency", bytes_max=10_000_000)


@pytest.fixture
def once(intents):
    return Once(intents)


def asking(tenant="", **params):
    return ImageRequest(params={"prompt": "an otter", **params}, tenant=tenant)


async def send(once, work, key="key", request=None, closing=None, seconds=60.0):
    until = asyncio.get_running_loop().time() + seconds
    closing = [] if closing is None else closing
    return await once.answer(key, request or asking(), "v1", work, closing, until=until)


async def body_of(answer):
    content = answer[2]
    if isinstance(content, Sliced):
        return content.whole()
    if isinstance(content, bytes | bytearray):
        return bytes(content)
    return b"".join([piece async for piece in content])


def replayed(answer):
    return (b"idempotent-replayed", b"true") in answer[1]


async def refused(coming):
    with pytest.raises(GatewayError) as caught:
        await coming
    return caught.value.status, caught.value.code


async def until(true):
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - what it waits for sets no event
            await asyncio.sleep(0.002)


async def test_twins_wait_for_the_one_run_and_later_ones_get_what_was_kept(once):
    work = Work()
    tasks = [asyncio.create_task(send(once, work)) for _ in range(5)]
    await until(lambda: work.runs)
    work.may_end.set()
    answers = [await task for task in tasks] + [await send(once, work)]
    assert [await body_of(answer) for answer in answers] == [b"a picture"] * 6
    assert [replayed(answer) for answer in answers] == [False, *[True] * 5]
    assert work.runs == 1
    names = [{name for name, _ in answer[1]} for answer in answers]
    assert names[0] == {b"content-type", b"x-portkey-trace-id", b"server-timing"}
    assert names[1] == {b"content-type", b"idempotent-replayed"}
    assert names[5] == {b"content-type", b"idempotent-replayed", b"content-length"}


async def test_what_one_adds_to_its_headers_is_not_seen_by_another(once):
    work = Work.done()
    answers = await asyncio.gather(*(send(once, work) for _ in range(3)))
    for answer in answers:
        answer[1].append((b"content-length", b"9"))
    assert [[name for name, _ in answer[1]].count(b"content-length") for answer in answers] == [1, 1, 1]


async def test_another_request_under_the_same_key_is_refused_at_any_time(once):
    work = Work()
    first = asyncio.create_task(send(once, work))
    await until(lambda: work.runs)
    assert await refused(send(once, work, request=asking(n=2))) == (422, "idempotency_key_reused")
    work.may_end.set()
    await first
    assert await refused(send(once, work, request=asking(n=2))) == (422, "idempotency_key_reused")


async def test_each_tenant_has_keys_of_its_own(once):
    work = Work.done()
    for tenant in ("a", "b"):
        assert not replayed(await send(once, work, request=asking(tenant)))
    assert work.runs == 2


async def test_the_run_goes_on_where_its_caller_leaves_and_holds_what_it_needs(once):
    work, closed = Work(), []
    closing = [lambda: closed.append("upload"), lambda: closed.append("room")]
    first = asyncio.create_task(send(once, work, closing=closing))
    await until(lambda: work.runs)
    first.cancel()
    await asyncio.wait([first])
    for close in closing:  # as the endpoint does when a request ends
        close()
    assert closed == []
    work.may_end.set()
    joined = []
    assert replayed(await send(once, work, closing=joined))
    joined[0]()
    assert (work.runs, closed) == (1, ["upload", "room"])


async def test_what_a_run_holds_is_held_until_the_last_answer_is_out(once):
    work, closed = Work.done(), []
    lists = [[lambda: closed.append("first")], [lambda: closed.append("own")]]
    await asyncio.gather(*(send(once, work, closing=closing) for closing in lists))
    for close in lists[0]:
        close()
    assert closed == []
    for close in lists[1]:
        close()
    assert sorted(closed) == ["first", "own"]


async def test_what_is_not_kept_is_tried_again(once):
    work = Work.done(keep=False)
    answers = [await send(once, work) for _ in range(2)]
    assert ([replayed(answer) for answer in answers], work.runs) == ([False, False], 2)


CRASHES = {
    "a bug": RuntimeError("a bug"),
    "a refusal on the way": GatewayError("no room", status=503, code="overloaded"),
}


@pytest.mark.parametrize("crash", CRASHES.values(), ids=CRASHES)
async def test_after_a_crash_the_key_is_free_only_if_nothing_was_sent(once, crash):
    work = Work.done(crash, sent=False)
    for _ in range(2):
        with pytest.raises(type(crash)):
            await send(once, work)
    assert work.runs == 2
    work.sent = True
    with pytest.raises(type(crash)):
        await send(once, work)
    assert await refused(send(once, work)) == (409, "outcome_unknown")
    assert work.runs == 3


async def test_a_bug_is_logged_where_nobody_waits_for_the_answer_any_more(once, caplog):
    work = Work(RuntimeError("a bug"))
    task = asyncio.create_task(send(once, work))
    await until(lambda: work.runs)
    task.cancel()
    await asyncio.wait([task])
    work.may_end.set()
    await until(lambda: not once._runs)
    await asyncio.sleep(0)
    assert "a request with an idempotency key failed" in caplog.messages


async def test_who_waits_longer_than_it_may_is_told_to_come_back(once):
    work = Work()
    first = asyncio.create_task(send(once, work))
    await until(lambda: work.runs)
    with pytest.raises(GatewayError) as caught:
        await send(once, work, seconds=0.05)
    assert (caught.value.status, caught.value.code) == (409, "request_in_progress")
    assert caught.value.headers == {"retry-after": "5"}
    work.may_end.set()
    assert not replayed(await first)


async def test_one_that_runs_in_another_process_is_waited_for(once, intents):
    elsewhere, work = Once(intents), Work()
    first = asyncio.create_task(send(elsewhere, work))
    await until(lambda: work.runs)
    assert await refused(send(once, work, request=asking(n=2))) == (422, "idempotency_key_reused")
    assert await refused(send(once, work, seconds=0.15)) == (409, "request_in_progress")
    waiting = [asyncio.create_task(send(once, work)) for _ in range(3)]
    await asyncio.sleep(0.15)
    work.may_end.set()
    answers = [await first, *[await task for task in waiting]]
    assert [await body_of(answer) for answer in answers] == [b"a picture"] * 4
    assert [replayed(answer) for answer in answers] == [False, True, True, True]
    assert work.runs == 1


async def test_events_are_kept_once_all_of_them_are_there(once):
    async def events():
        for number in range(3):
            yield b"data: %d\n\n" % number

    work = Work.done(events)
    first, second = [await send(once, work) for _ in range(2)]
    assert await body_of(first) == await body_of(second) == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


async def test_large_events_wait_for_room_while_they_are_collected(once):
    taken = []

    class Room:
        async def take(self, count):
            taken.append(count)

        def give(self, count):
            raise AssertionError

    async def events():
        for _ in range(5):
            yield b"x" * 700_000

    request = ImageRequest(params={"prompt": "an otter"}, room=Room())
    answer = await send(once, Work.done(events), request=request)
    assert len(await body_of(answer)) == 3_500_000
    assert taken == [1_400_000, 1_400_000]


async def test_bodies_that_are_made_while_they_are_sent_are_kept_whole(once):
    parts = [b'{"b64_json":"', Picture(data=b"pixels" * 100_000), b'"}']
    work = Work.done(Sliced(parts))
    first, second = [await send(once, work) for _ in range(2)]
    assert await body_of(first) == await body_of(second) == Sliced(parts).whole()


async def test_an_answer_that_cannot_be_kept_still_reaches_its_caller(once, intents, monkeypatch, caplog):
    def write(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(intents, "write", write)
    work = Work.done()
    assert await body_of(await send(once, work)) == b"a picture"
    assert "the answer to an idempotency key cannot be kept: No space left on device" in caplog.messages
    assert await refused(send(once, work)) == (409, "outcome_unknown")
    assert work.runs == 1


async def test_where_the_intent_cannot_be_noted_nothing_is_sent(once, tmp_path):
    (tmp_path / "idempotency" / "unfinished").rmdir()
    (tmp_path / "idempotency").rmdir()
    (tmp_path / "idempotency").write_bytes(b"")
    work = Work.done()
    assert await refused(send(once, work)) == (503, "overloaded")
    assert work.runs == 0


async def test_an_answer_that_is_removed_while_it_is_asked_for_is_lost(once, tmp_path):
    work = Work.done()
    await send(once, work)
    [answer] = (tmp_path / "idempotency").glob("*/*.answer")
    answer.unlink()
    assert await refused(send(once, work)) == (409, "outcome_unknown")


async def test_without_a_place_no_key_is_accepted():
    with pytest.raises(GatewayError, match="--data") as caught:
        await send(Once(None), Work.done())
    assert (caught.value.status, caught.value.param) == (400, "idempotency-key")


async def test_at_the_end_runs_may_finish_and_what_does_not_is_unknown(once):
    quick, slow = Work(), Work()
    tasks = [asyncio.create_task(send(once, work, key)) for work, key in ((quick, "quick"), (slow, "slow"))]
    await until(lambda: quick.runs and slow.runs)
    asyncio.get_running_loop().call_later(0.02, quick.may_end.set)
    await once.finish(0.2)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert replayed(await send(once, quick, "quick"))
    assert await refused(send(once, slow, "slow")) == (409, "outcome_unknown")
    await once.finish(30.0)


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "sch\xfcssel", "tab\t", "\x7f"])
def test_keys_that_are_none(key):
    with pytest.raises(GatewayError) as caught:
        key_of({"idempotency-key": key})
    assert (caught.value.status, caught.value.param) == (400, "idempotency-key")


@pytest.mark.parametrize("key", ["x", "x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "!~"])
def test_keys(key):
    assert key_of({"idempotency-key": key}) == key


def test_no_key():
    assert key_of({}) is None


OTHERS = {
    "another prompt": ({"prompt": "a heron"}, "v1", None, "/v1/images/generations"),
    "another config": ({"prompt": "an otter"}, "v2", None, "/v1/images/generations"),
    "another credential": ({"prompt": "an otter"}, "v1", Secret("own-key-not-real"), "/v1/images/generations"),
    "another route": ({"prompt": "an otter"}, "v1", None, "/v1/images/edits"),
    "a picture": ({"prompt": "an otter", "image": [upload()]}, "v1", None, "/v1/images/generations"),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_what_makes_another_request(other):
    params, version, credential, path = other
    first = await fingerprint_of(asking(), "v1")
    assert first == await fingerprint_of(asking(), "v1")
    assert first != await fingerprint_of(ImageRequest(params=params, credential=credential, path=path), version)


def failed(cause, *, sent=True, billed=0):
    journey = Journey(rng=random.Random(1))
    journey.attempts.append(Try(target="config", started=0, sent=sent))
    journey.maybe_billed = billed
    return Failure(cause=cause, message="said so"), journey


FINAL = {
    "a provider's error": (failed(Cause.PROVIDER_ERROR), True),
    "a refusal": (failed(Cause.POLICY), True),
    "a bad request": (failed(Cause.INVALID), True),
    "a timeout": (failed(Cause.TIMEOUT, billed=1), True),
    "a rate limit": (failed(Cause.RATE_LIMITED), False),
    "a rate limit after a timeout": (failed(Cause.RATE_LIMITED, billed=1), True),
    "no connection": (failed(Cause.UNREACHABLE, sent=False), False),
    "a request no target can take": (failed(Cause.UNSUPPORTED, sent=False), False),
    "a deadline before anything was sent": (failed(Cause.DEADLINE, sent=False), False),
    "a deadline after it": (failed(Cause.DEADLINE, billed=1), True),
    "a success": ((Success(None), Journey(rng=random.Random(1))), True),
}


@pytest.mark.parametrize(("ended", "kept"), FINAL.values(), ids=FINAL)
def test_what_is_kept(ended, kept):
    assert is_final(*ended) is kept
