"""Requests that are read in one look and those that h11 reads: nobody can tell which is which from outside."""

import asyncio
import contextlib
import random

import pytest

from gateway.http.body import until_gone
from tests.end_to_end.raw_client import app_of, connect, reply, request, serving

PLAIN, ODD = b"X-Like: any other", b"TE: trailers"
"""Each is one header line; the second is one that only h11 reads."""


def post(target, body, line):
    return request(target, line, method=b"POST", body=body)


async def body_of(receive):
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message["body"]
        if not message["more_body"]:
            return body


async def echoes(scope, receive, send):
    body = await body_of(receive)
    await asyncio.sleep(0.01 if scope["path"] == "/slow" else 0)
    await reply(send, scope["raw_path"] + b" " + body)


@pytest.fixture(params=[PLAIN, ODD], ids=["in one look", "by h11"])
def line(request):
    return request.param


async def test_wherever_the_bytes_are_cut_each_request_has_its_answer(line):
    rng = random.Random(7)
    data = post(b"/slow", b"a" * 40, line) + post(b"/b", b"b" * 3, line) + post(b"/c?d=e", b"c", line)
    async with serving(app_of(echoes)) as server:
        for _ in range(40):
            cuts = sorted(rng.sample(range(1, len(data)), rng.randint(0, 6)))
            segments = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
            async with connect(server.port) as client:
                await client.send(*segments, gap=0.002)
                answers = [(await client.answer()).body for _ in range(3)]
            assert answers == [b"/slow " + b"a" * 40, b"/b bbb", b"/c c"]


async def test_what_comes_with_the_end_of_a_body_is_the_next_request(line):
    first, second = post(b"/slow", b"a" * 40, line), post(b"/b", b"b", line)
    async with serving(app_of(echoes)) as server, connect(server.port) as client:
        await client.send(first[:-10], first[-10:] + second, gap=0.05)
        assert [(await client.answer()).body for _ in range(2)] == [b"/slow " + b"a" * 40, b"/b b"]


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_seen_to_leave(line):
    got = asyncio.get_running_loop().create_future()

    async def reads(_, receive, __):
        got.set_result(await body_of(receive))

    async with serving(app_of(reads)) as server:
        async with connect(server.port) as client:
            await client.send(post(b"/a", b"a" * 40, line)[:-1])
            await asyncio.sleep(0.05)
        async with asyncio.timeout(1):
            assert await got is None


async def test_a_client_that_leaves_while_it_waits_is_seen_to_leave(line):
    gone = asyncio.Event()

    async def waits(_, receive, __):
        await until_gone(receive)
        gone.set()

    async with serving(app_of(waits)) as server:
        async with connect(server.port) as client:
            await client.send(post(b"/a", b"a", line))
            await asyncio.sleep(0.05)
        async with asyncio.timeout(1):
            await gone.wait()


async def test_an_answer_before_the_body_is_whole_ends_the_connection(line):
    async def refuses(_, __, send):
        await reply(send, b"{}", 413)

    async with serving(app_of(refuses)) as server, connect(server.port) as client:
        await client.send(post(b"/a", b"a" * 40, line)[:-1])
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        with contextlib.suppress(ConnectionError):
            await client.send(b"a" + post(b"/b", b"b", line))  # not a request any more
        assert await client.closed(4)


async def test_an_answer_that_is_cut_short_ends_the_connection(line):
    async def stops(_, __, send):
        headers = [(b"content-length", b"10")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"abc"})

    async with serving(app_of(stops)) as server, connect(server.port) as client:
        await client.send(post(b"/a", b"a", line))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.answer()


@pytest.mark.parametrize("wrong", [[(b"x", b"a\r\nb: c")], None], ids=["a header of two lines", "no answer"])
async def test_a_fault_of_the_application_is_answered_in_the_envelope_and_ends_the_connection(line, wrong):
    async def fails(_, __, send):
        if wrong is None:
            raise ValueError("secret")
        await send({"type": "http.response.start", "status": 200, "headers": wrong})
        await send({"type": "http.response.body"})

    async with serving(app_of(fails)) as server, connect(server.port) as client:
        await client.send(post(b"/a", b"a", line))
        answer = await client.answer()
        assert (answer.status, answer.code, answer.headers["connection"]) == (500, "internal_error", "close")
        assert b"secret" not in answer.body
        assert await client.closed(2)


@pytest.mark.parametrize("body", [b"a" * 40, b"a" * 400_000], ids=["small", "large"])
async def test_answers_without_a_length_come_in_chunks(line, body):
    async def streams(_, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        got = await body_of(receive)
        for start in range(0, len(got), 30_000):
            await send({"type": "http.response.body", "body": got[start : start + 30_000], "more_body": True})
        await send({"type": "http.response.body"})

    async with serving(app_of(streams)) as server, connect(server.port) as client:
        for _ in range(2):
            await client.send(post(b"/a", body, line))
            answer = await client.answer()
            assert (answer.body, answer.headers["transfer-encoding"]) == (body, "chunked")


async def test_an_answer_that_is_made_while_the_server_stops_says_that_it_is_the_last(line):
    begun, go = asyncio.Event(), asyncio.Event()

    async def waits(_, receive, send):
        await body_of(receive)
        begun.set()
        await go.wait()
        await reply(send)

    async with serving(app_of(waits)) as server, connect(server.port) as client:
        await client.send(post(b"/a", b"a", line))
        await begun.wait()
        server.stop.set()
        await asyncio.sleep(0.1)
        go.set()
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await client.closed(2)
