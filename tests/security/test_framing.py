"""S14 and S29: where a request ends, as everybody on the way must see it; and no other protocol than HTTP/1.1."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser

from gateway.http.guard import Guard
from tests.end_to_end.raw_client import connect, lifespan, reply, serving

AHEAD = b"GET /ahead HTTP/1.1\r\nHost: g\r\n\r\n"
"""What a smuggler hopes that somebody takes for a request of its own; where it is one, it is the last."""


def post(*lines, body=b"", end=b"\r\n", start=b"POST /a HTTP/1.1", host=b"Host: g"):
    return end.join([start, *([host] if host else []), *lines, b"", b""]) + body


CHUNKED = b"Transfer-Encoding: chunked"


def chunks(*parts):
    return post(CHUNKED, body=b"".join(parts))


REFUSED = {
    # one request, two lengths
    "length, then chunks": post(b"Content-Length: 4", CHUNKED, body=b"0\r\n\r\n"),
    "chunks, then length": post(CHUNKED, b"Content-Length: 4", body=b"0\r\n\r\n"),
    "length of zero, and chunks": post(b"Content-Length: 0", CHUNKED, body=b"2\r\nab\r\n0\r\n\r\n"),
    "two lengths that differ": post(b"Content-Length: 2", b"Content-Length: 0", body=b"ab"),
    "two lengths that agree": post(b"Content-Length: 2", b"Content-Length: 2", body=b"ab"),
    "two lengths in other cases": post(b"Content-Length: 2", b"CONTENT-LENGTH: 2", body=b"ab"),
    "lengths in a list": post(b"Content-Length: 2, 3", body=b"abc"),
    # lengths that are no number
    "a negative length": post(b"Content-Length: -2"),
    "a length with a sign": post(b"Content-Length: +2", body=b"ab"),
    "a length in hexadecimal": post(b"Content-Length: 0x2", body=b"ab"),
    "a length with a point": post(b"Content-Length: 2.0", body=b"ab"),
    "a length with an exponent": post(b"Content-Length: 2e0", body=b"ab"),
    "a length with a space in it": post(b"Content-Length: 1 0", body=b"0123456789"),
    "a length with an underscore": post(b"Content-Length: 1_0", body=b"0123456789"),
    "a length in other digits": post("Content-Length: ٢".encode(), body=b"ab"),
    "a length that is empty": post(b"Content-Length:", body=b"ab"),
    "a length that is endless": post(b"Content-Length: " + b"9" * 400),
    # other codings
    "chunked twice": post(CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
    "chunked twice in one": post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "gzip, chunked": post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "chunked, identity": post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "identity": post(b"Transfer-Encoding: identity"),
    "xchunked": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "chunked with a control character": post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"),
    "chunked in quotes": post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n"),
    "an empty coding": post(b"Transfer-Encoding:", body=b"0\r\n\r\n"),
    "chunks in HTTP/1.0": post(CHUNKED, start=b"POST /a HTTP/1.0", body=b"0\r\n\r\n"),
    # names and lines
    "a space before the colon": post(b"Content-Length : 2", body=b"ab"),
    "a tab before the colon": post(b"Transfer-Encoding\t: chunked", body=b"0\r\n\r\n"),
    "a folded coding": post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"),
    "a folded value": post(b"x-a: b\r\n c"),
    "a fold by a tab": post(b"x-a: b\r\n\tContent-Length: 2"),
    "a fold before all headers": b"POST /a HTTP/1.1\r\n Host: g\r\n\r\n",
    "bare line feeds": post(b"Content-Length: 2", body=b"ab", end=b"\n"),
    "one bare line feed": b"POST /a HTTP/1.1\r\nHost: g\nContent-Length: 2\r\n\r\nab",
    "an end of bare line feeds": b"POST /a HTTP/1.1\r\nHost: g\r\nContent-Length: 0\n\n",
    "a bare carriage return": post(b"x-a: b\rTransfer-Encoding: chunked"),
    "a NUL in a value": post(b"x-a: b\0c"),
    "a NUL in a name": post(b"x-\0a: b"),
    "a header without a name": post(b": b"),
    "a header without a colon": post(b"Content-Length 2"),
    "an empty line first": b"\r\n" + post(b"Content-Length: 0"),
    "a name in other letters": post("Content-Lengtħ: 2".encode(), body=b"ab"),
    # request lines
    "two spaces": post(start=b"POST  /a HTTP/1.1"),
    "a tab for a space": post(start=b"POST\t/a HTTP/1.1"),
    "a space at the end": post(start=b"POST /a HTTP/1.1 "),
    "no version": post(start=b"POST /a"),
    "a long version": post(start=b"POST /a HTTP/1.10"),
    "a version in lower case": post(start=b"POST /a http/1.1"),
    "a method with a colon": post(start=b"PO:ST /a HTTP/1.1"),
    "two hosts": post(b"Host: other"),
    # chunks
    "a chunk with a sign": chunks(b"+2\r\nab\r\n0\r\n\r\n"),
    "a chunk in 0x": chunks(b"0x2\r\nab\r\n0\r\n\r\n"),
    "a chunk with a space": chunks(b"2 \r\nab\r\n0\r\n\r\n"),
    "a space before a chunk": chunks(b" 2\r\nab\r\n0\r\n\r\n"),
    "a chunk of 17 digits": chunks(b"00000000000000002\r\nab\r\n0\r\n\r\n"),
    "a negative chunk": chunks(b"-2\r\nab\r\n0\r\n\r\n"),
    "a chunk that ends too late": chunks(b"2\r\nabc\r\n0\r\n\r\n"),
    "a chunk without its line end": chunks(b"2\r\nab0\r\n\r\n"),
    "a chunk that ends in a line feed": chunks(b"2\nab\r\n0\r\n\r\n"),
    "a line feed behind a chunk": chunks(b"2\r\nab\n0\r\n\r\n"),
    "an extension with a bare carriage return": chunks(b"2;a\rb\r\nab\r\n0\r\n\r\n"),
    "an extension with a line feed": chunks(b"2;a\nb\r\nab\r\n0\r\n\r\n"),
    "an extension with a NUL": chunks(b"2;a=\0\r\nab\r\n0\r\n\r\n"),
    "an extension without a name": chunks(b"2;=b\r\nab\r\n0\r\n\r\n"),
    "an extension in open quotes": chunks(b'2;a="b\r\nab\r\n0\r\n\r\n'),
    "an extension of a kilobyte": chunks(b"2;a=" + b"b" * 1024 + b"\r\nab\r\n0\r\n\r\n"),
    "a chunk line without end": chunks(b"2;a=" + b"b" * 5000),
    "a folded trailer": chunks(b"2\r\nab\r\n0\r\nx-a: b\r\n c\r\n\r\n"),
    "a length in the trailer": chunks(b"2\r\nab\r\n0\r\nContent-Length: 50\r\n\r\n"),
    "a coding in the trailer": chunks(b"2\r\nab\r\n0\r\nx-a: b\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "a trailer of bare line feeds": chunks(b"2\r\nab\r\n0\r\nx-a: b\n\n"),
}
TAKEN = {
    "a length": (post(b"Content-Length: 2", body=b"ab"), b"ab"),
    "a length of zeros": (post(b"Content-Length: 000"), b""),
    "no body": (post(), b""),
    "chunks": (chunks(b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"), b"abc"),
    "chunks in capitals": (post(b"TRANSFER-ENCODING: Chunked", body=b"A\r\n0123456789\r\n0\r\n\r\n"), b"0123456789"),
    "an extension": (chunks(b'2;a=b;c="d e"\r\nab\r\n0;last\r\n\r\n'), b"ab"),
    "a trailer": (chunks(b"2\r\nab\r\n0\r\nx-checksum: 1\r\n\r\n"), b"ab"),
}


@dataclass
class Saw:
    """What got through to the application, in the order it came."""

    requests: list = field(default_factory=list)

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                self.requests.append((scope["path"], body))
                await reply(send)
                return


@pytest.fixture
async def saw():
    return Saw()


@pytest.fixture
async def port(saw):
    async with serving(Guard(saw, cap=lambda _: 1 << 20)) as server:
        yield server.port


async def as_another_reads_it(data):
    """Return (path, body) of each request, as the parser of another family has it."""
    parser = HttpRequestParser(BaseProtocol(asyncio.get_running_loop()), asyncio.get_running_loop(), 1 << 16)
    try:
        messages, _, _ = parser.feed_data(data)
    except HttpProcessingError as error:
        return repr(error)
    read = []
    for message, payload in messages:
        read.append((message.path, b"".join(getattr(payload, "_buffer", ()))))
    return read


def test_s14_the_corpus_is_as_large_as_it_says():
    assert len(REFUSED) + len(TAKEN) >= 60


@pytest.mark.parametrize("what", REFUSED)
async def test_s14_ambiguous_framings_are_refused_and_nothing_behind_them_is_read(port, saw, what):
    async with connect(port) as client:
        await client.send(REFUSED[what] + AHEAD)
        answer = await client.answer()
        assert 400 <= answer.status < 502
        assert answer.status not in {404, 500}
        assert answer.headers["connection"] == "close"
        assert await client.closed()
    assert saw.requests == []


@pytest.mark.parametrize("what", TAKEN)
async def test_s14_what_is_taken_means_the_same_to_another_parser(port, saw, what):
    data, body = TAKEN[what]
    async with connect(port) as client:
        await client.send(data + AHEAD)
        assert [(await client.answer()).status for _ in range(2)] == [200, 200]
    assert saw.requests == [("/a", body), ("/ahead", b"")] == await as_another_reads_it(data + AHEAD)


@pytest.mark.parametrize("cuts", [1, 3])
async def test_s14_refusals_do_not_depend_on_how_the_bytes_come(port, saw, cuts):
    for what in (
        "a folded value",
        "bare line feeds",
        "an extension with a bare carriage return",
        "two lengths that agree",
    ):
        data = REFUSED[what]
        async with connect(port) as client:
            with contextlib.suppress(ConnectionError):  # the answer does not wait for the end
                await client.send(*[data[at : at + cuts] for at in range(0, len(data), cuts)], gap=0)
            answer = await client.answer()
            assert (answer.status, json.loads(answer.body)["error"]["code"]) == (400, "bad_framing")
    assert saw.requests == []


def upgrade(*lines):
    return b"\r\n".join([b"GET /a HTTP/1.1", b"Host: g", *lines, b"", b""])


UPGRADES = {
    "h2c": upgrade(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
    "a websocket": upgrade(
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGVzdC1ub3QtcmVhbC0xMg==",
    ),
    "TLS in the middle": upgrade(b"Connection: Upgrade", b"Upgrade: TLS/1.0"),
}


@pytest.mark.parametrize("what", UPGRADES)
async def test_s29_no_upgrade_is_taken(port, saw, what):
    async with connect(port) as client:
        await client.send(UPGRADES[what])
        answer = await client.answer()
        assert (answer.status, "upgrade" in answer.headers) == (200, False)
        await client.send(AHEAD)  # still HTTP/1.1
        assert (await client.answer()).status == 200
    assert [path for path, _ in saw.requests] == ["/a", "/ahead"]


async def test_s29_prior_knowledge_is_refused(port, saw):
    async with connect(port) as client:
        await client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0")
        answer = await client.answer()
        assert (answer.status, answer.code) == (505, "bad_version")
        assert await client.closed()
    assert saw.requests == []
