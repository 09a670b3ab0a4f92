"""The guard, met as a client meets it: over a socket."""

import asyncio

import pytest

from gateway.errors import GatewayError
from gateway.http.body import ClientGone, read_body
from gateway.http.guard import HEAD_BYTES, Guard
from tests.end_to_end.raw_client import connect, lifespan, pieces, reply, request, serving

CAP = 1024


async def echo(scope, receive, send):
    """Answer with the body, read within tight limits."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    try:
        body = await read_body(receive, limit=CAP, grace_seconds=1.0, bytes_per_second=1000)
    except GatewayError as refused:
        await reply(send, b'{"error":{"code":"%s"}}' % refused.code.encode(), refused.status)
    except ClientGone:
        return
    else:
        await reply(send, body or b"{}")


@pytest.fixture
async def port():
    async with serving(Guard(echo, cap=lambda _: CAP)) as server:
        yield server.port


GET = request()
CHUNKED = request(b"/", b"Transfer-Encoding: chunked", method=b"POST")
REFUSED = {
    "no Host": (request(host=None), 400, "bad_host"),
    "no Host in HTTP/1.0": (request(host=None, version=b"1.0"), 400, "bad_host"),
    "two Hosts": (request(b"/", b"Host: other"), 400, "bad_host"),
    "an empty Host": (request(host=b""), 400, "bad_host"),
    "a Host with a path": (request(host=b"evil/?x="), 400, "bad_host"),
    "a Host with a user": (request(host=b"user@evil"), 400, "bad_host"),
    "a Host with two ports": (request(host=b"evil:80:80"), 400, "bad_host"),
    "a Host with a port in letters": (request(host=b"evil:http"), 400, "bad_host"),
    "a Host with bad brackets": (request(host=b"[::1"), 400, "bad_host"),
    "a Host that is no IPv6 address": (request(host=b"[::1::2]"), 400, "bad_host"),
    "an absolute target": (request(b"http://evil/v1/models"), 400, "bad_target"),
    "a target without slash": (request(b"@admin"), 400, "bad_target"),
    "a target of two slashes": (request(b"//v1/../admin"), 400, "bad_target"),
    "a target with a backslash": (request(b"/v1\\models"), 400, "bad_target"),
    "an escaped backslash": (request(b"/v1%5cmodels"), 400, "bad_target"),
    "an escaped NUL": (request(b"/v1/models%00"), 400, "bad_target"),
    "an escaped line end": (request(b"/v1/%0d%0amodels"), 400, "bad_target"),
    "a broken escape": (request(b"/v1/%zz"), 400, "bad_target"),
    "a fragment": (request(b"/v1/models#x"), 400, "bad_target"),
    "the whole server as target": (request(b"*", method=b"OPTIONS"), 400, "bad_target"),
    "length and chunks": (
        request(b"/", b"Content-Length: 2", b"Transfer-Encoding: chunked", method=b"POST"),
        400,
        "bad_framing",
    ),
    "two lengths": (request(b"/", b"Content-Length: 2", b"Content-Length: 3"), 400, "bad_framing"),
    "a negative length": (request(b"/", b"Content-Length: -2"), 400, "bad_framing"),
    "chunks in HTTP/1.0": (request(b"/", b"Transfer-Encoding: chunked", version=b"1.0"), 400, "bad_framing"),
    "a name outside ASCII": (request(b"/", "x-user: Jürgen".encode()), 400, "bad_header"),
    "a control character": (request(b"/", b"x-user: a\x01b"), 400, "bad_header"),
    "a compressed body": (request(b"/", b"Content-Encoding: gzip", method=b"POST"), 415, "unsupported_encoding"),
    "an announced body over the cap": (request(b"/", b"Content-Length: 1025"), 413, "body_too_large"),
    "a config header over its limit": (request(b"/", b"x-portkey-config: " + b"x" * 32769), 431, "headers_too_large"),
    "HTTP/2 by prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "bad_version"),
    "another version": (request(version=b"3.0"), 505, "bad_version"),
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400, "bad_request"),
    "a header without colon": (request(b"/", b"nonsense"), 400, "bad_request"),
}


@pytest.mark.parametrize(("sent", "status", "code"), REFUSED.values(), ids=REFUSED)
async def test_an_unsound_head_is_refused_and_the_connection_closed(port, sent, status, code):
    async with connect(port) as client:
        await client.send(sent)
        answer = await client.answer()
        assert (answer.status, answer.code) == (status, code)
        assert answer.headers["connection"] == "close"
        assert await client.closed()


PASSED = {
    "a name": GET,
    "a name with a port": request(host=b"gateway.test:8787"),
    "an IPv4 address": request(host=b"127.0.0.1:8787"),
    "an IPv6 address": request(host=b"[::1]:8787"),
    "a container's name": request(host=b"beam_splitter"),
    "an escaped slash in a model": request(b"/v1/models/openai%2Fgpt-image-2?a=%00"),
    "identity": request(b"/", b"Content-Encoding: identity"),
    "an upgrade that is not taken": request(
        b"/", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: "
    ),
    "a websocket that is not taken": request(b"/", b"Connection: Upgrade", b"Upgrade: websocket"),
}


@pytest.mark.parametrize("sent", PASSED.values(), ids=PASSED)
async def test_a_sound_head_passes_and_the_connection_stays_open(port, sent):
    async with connect(port) as client:
        for _ in range(2):
            await client.send(sent)
            answer = await client.answer()
            assert answer.status == 200
            assert "connection" not in answer.headers


def head_of(size):
    """Return a request whose head counts exactly `size`."""
    counted = len(b"GET/v1/models") + 4 + len(b"host" + b"gateway.test") + 4 + len(b"x-filler") + 4
    return request(b"/v1/models", b"x-filler: " + b"x" * (size - counted))


@pytest.mark.parametrize("path", [b"/livez", b"/readyz"])
async def test_a_balancer_may_ask_for_health_as_in_the_old_days(port, path):
    async with connect(port) as client:
        await client.send(request(path, host=None, version=b"1.0"))
        assert (await client.answer()).status == 200
    async with connect(port) as client:
        await client.send(request(path, host=b"user@evil", version=b"1.0"))
        assert (await client.answer()).code == "bad_host"


@pytest.mark.parametrize("count", [1, 2, 100])
async def test_head_limit_is_exact_however_it_is_split(port, count):
    async with connect(port) as client:
        await client.send(*pieces(head_of(HEAD_BYTES), count))
        assert (await client.answer()).status == 200
    async with connect(port) as client:
        await client.send(*pieces(head_of(HEAD_BYTES + 1), count))
        answer = await client.answer()
        assert (answer.status, answer.code) == (431, "headers_too_large")
        assert await client.closed()


@pytest.mark.parametrize("count", [1, 2, 100])
async def test_large_config_is_refused_however_it_is_split(port, count):
    async with connect(port) as client:
        await client.send(*pieces(request(b"/", b"x-portkey-config: " + b"x" * 40960), count))
        assert (await client.answer()).status == 431


async def test_endless_head_is_cut(port):
    async with connect(port) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n", *[b"x: " + b"y" * 30000 + b"\r\n"] * 5)
        assert (await client.answer()).code == "headers_too_large"


async def test_refusal_reaches_a_client_that_is_still_sending(port):
    async with connect(port) as client:
        await client.send(request(b"/", b"Content-Length: 8000000", method=b"POST"), *[b"x" * 65536] * 20)
        assert (await client.answer()).code == "body_too_large"
        assert await client.closed()


async def test_unannounced_body_is_cut_at_the_cap(port):
    async with connect(port) as client:
        await client.send(
            request(b"/", b"Transfer-Encoding: chunked", method=b"POST"), *[b"200\r\n" + b"x" * 512 + b"\r\n"] * 3
        )
        answer = await client.answer()
        assert (answer.status, answer.code) == (413, "body_too_large")
        assert await client.closed()


async def test_body_of_exactly_the_cap_in_tiny_chunks(port):
    async with connect(port) as client:
        await client.send(CHUNKED + b"1\r\nx\r\n" * CAP + b"0\r\n\r\n")
        assert (await client.answer()).body == b"x" * CAP


@pytest.mark.parametrize("already", [b"", b"x"], ids=["nothing sent", "dribbling"])
async def test_slow_body_is_cut(port, already):
    started = asyncio.get_running_loop().time()
    async with connect(port) as client:
        await client.send(request(b"/", b"Content-Length: 500", method=b"POST"), *[already or b""] * 8, gap=0.02)
        answer = await client.answer()
        assert (answer.status, answer.code) == (408, "request_body_timeout")
        assert 0.9 < asyncio.get_running_loop().time() - started < 3.5
        assert await client.closed()


async def test_body_in_pieces_within_the_time(port):
    async with connect(port) as client:
        await client.send(*pieces(request(b"/", method=b"POST", body=b"abcdefgh" * 10), 20))
        assert (await client.answer()).body == b"abcdefgh" * 10


async def test_broken_chunk_ends_the_request(port):
    async with connect(port) as client:
        await client.send(CHUNKED, b"zz\r\n")
        assert (await client.answer()).status == 400
        assert await client.closed()


async def test_websocket_scope_is_closed():
    sent = []

    async def send(message):
        sent.append(message["type"])

    await Guard(echo, cap=lambda _: CAP)({"type": "websocket"}, None, send)
    assert sent == ["websocket.close"]
