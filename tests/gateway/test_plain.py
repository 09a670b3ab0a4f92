"""Plain requests: what is read in one look is what h11 reads, and what h11 would refuse is never read so."""

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.server.framing import ByH11, StrictBuffer
from gateway.server.plain import plain

BODY = b'{"prompt":"an otter"}'
HEAD = b"POST /v1/images/generations?a=b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 21\r\n"


def by_h11(data):
    """Return target, headers and body as h11 reads them, `None` where it refuses or waits for more of the head."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=128 * 1024)
    connection._receive_buffer = StrictBuffer()
    connection.receive_data(data)
    try:
        request = connection.next_event()
        if not isinstance(request, h11.Request):
            return None
        body = b""
        while isinstance(event := connection.next_event(), h11.Data):
            body += bytes(event.data)
    except h11.RemoteProtocolError:
        return None
    headers = [(name.lower(), value) for name, value in request.headers.raw_items()]
    return request.method, request.target, request.http_version, headers, body, event is h11.NEED_DATA


def test_a_plain_request_is_read_in_one_look():
    request = plain(HEAD + b"\r\n" + BODY)
    assert request.target == b"/v1/images/generations?a=b"
    assert request.headers == [(b"host", b"localhost"), (b"content-length", b"21")]
    assert request.body_so_far == BODY
    assert not request.incomplete


def test_a_body_may_follow():
    request = plain(HEAD + b"\r\n" + BODY[:5])
    assert request.incomplete
    assert request.unread == 16


ODD = {
    "a method that may have no body": HEAD.replace(b"POST", b"GET"),
    "an old version": HEAD.replace(b"1.1", b"1.0"),
    "a whole address": HEAD.replace(b" /v1", b" http://localhost/v1"),
    "no host": HEAD.replace(b"Host", b"Hosts"),
    "two hosts": HEAD + b"host: other\r\n",
    "no length": HEAD.replace(b"Content-Length", b"Content-Size"),
    "two lengths": HEAD + b"content-length: 21\r\n",
    "a length with a sign": HEAD.replace(b"21", b"+21"),
    "two lengths in one": HEAD.replace(b"21", b"21, 21"),
    "a negative length": HEAD.replace(b"21", b"-1"),
    "a length too long to be one": HEAD.replace(b"21", b"0" * 16 + b"21"),
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n",
    "an expectation": HEAD + b"Expect: 100-continue\r\n",
    "the last request": HEAD + b"Connection: close\r\n",
    "another protocol": HEAD + b"Connection: upgrade\r\nUpgrade: websocket\r\n",
    "trailers": HEAD + b"Trailer: x\r\n",
    "a folded line": HEAD + b"X: a\r\n b\r\n",
    "a space before the colon": HEAD + b"X : a\r\n",
    "no colon": HEAD + b"X\r\n",
    "no name": HEAD + b": a\r\n",
    "a bare line end": HEAD + b"X: a\nTransfer-Encoding: chunked\r\n",
    "a bare return": HEAD + b"X: a\rb\r\n",
    "a null": HEAD + b"X: a\0b\r\n",
    "bytes beyond ASCII": HEAD + "X: é\r\n".encode(),
    "a header twice": HEAD + b"X: a\r\nx: b\r\n",
}


@pytest.mark.parametrize("head", ODD.values(), ids=ODD)
def test_what_is_odd_is_left_to_h11(head):
    assert plain(head + b"\r\n" + BODY) is None


@pytest.mark.parametrize(
    "data", [b"", HEAD, HEAD + b"\r\n" + BODY + b"POST", HEAD + b"X: %s\r\n\r\n" % (b"a" * 20_000) + BODY]
)
def test_what_is_not_whole_or_more_than_one_is_left_to_h11(data):
    assert plain(data) is None


_NAMES = (b"Host", b"Content-Length", b"Transfer-Encoding", b"X-A", b"Connection", b"Expect")
_ENDS = (b":", b": ", b" ", b"\t", b"\r", b"\r\n", b"\n", b"\0", b"\x7f", b"\xe9", b"(", b"\x0b")
_PIECES = st.sampled_from((*_NAMES, *_ENDS, b"21", b"20", b"0", b"chunked", b"close", b"keep-alive", b"a"))


@settings(max_examples=600)
@given(lines=st.lists(st.lists(_PIECES, max_size=6).map(b"".join), max_size=4), ends=st.sampled_from([b"\r\n", b"\n"]))
@example(lines=[b"X: a\x0b"], ends=b"\r\n")
@example(lines=[b"X:\ta\t "], ends=b"\r\n")
def test_whatever_is_read_in_one_look_h11_reads_the_same(lines, ends):
    data = HEAD + b"".join(line + ends for line in lines) + b"\r\n" + BODY
    request = plain(data)
    if request is not None:
        method, target, version, headers, body, waits = by_h11(data)
        assert (method, version) == (b"POST", b"1.1")
        assert (target, headers, body, waits) == (
            request.target,
            request.headers,
            request.body_so_far,
            request.incomplete,
        )


@settings(max_examples=600)
@given(at=st.integers(0, len(HEAD) + 1), byte=st.integers(0, 255))
def test_one_wrong_byte_makes_no_second_reading(at, byte):
    data = bytearray(HEAD + b"\r\n" + BODY)
    data[at] = byte
    request = plain(bytes(data))
    if request is not None:
        _, target, _, headers, body, waits = by_h11(bytes(data))
        assert (target, headers, body, waits) == (
            request.target,
            request.headers,
            request.body_so_far,
            request.incomplete,
        )


def answered(framing, status, headers, parts):
    """Return the answer's bytes, without its date."""
    data = framing.head(status, headers) + b"".join(part for piece in parts for part in framing.body(piece))
    data += b"".join(framing.end())
    head, _, body = data.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"date: ")]
    return lines[0], sorted(line.lower() for line in lines[1:]), body


@pytest.mark.parametrize(
    ("status", "headers", "parts"),
    [
        (200, [(b"content-type", b"text/plain"), (b"content-length", b"6")], [b"abc", b"def"]),
        (200, [(b"content-type", b"text/event-stream")], [b"abc", b"", b"d" * 300]),
        (429, [(b"content-length", b"0")], []),
        (204, [], []),
        (499, [(b"content-length", b"1"), (b"connection", b"close")], [b"a"]),
        (599, [(b"content-length", b"1")], [b"a"]),
    ],
)
def test_answers_are_framed_as_h11_frames_them(status, headers, parts):
    data = HEAD + b"\r\n" + BODY
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    while not isinstance(connection.next_event(), h11.EndOfMessage):
        pass
    request = plain(data)
    assert answered(request, status, headers, parts) == answered(ByH11(connection), status, headers, parts)
    assert request.leaves_open == ((b"connection", b"close") not in headers)


@pytest.mark.parametrize(("length", "parts"), [(b"2", [b"abc"]), (b"4", [b"abc"])])
def test_an_answer_of_another_length_than_it_said_ends_the_connection(length, parts):
    request = plain(HEAD + b"\r\n" + BODY)
    with pytest.raises(ValueError, match="Content-Length"):
        answered(request, 200, [(b"content-length", length)], parts)
    assert not request.leaves_open


def test_an_answer_may_not_frame_itself_in_another_way():
    with pytest.raises(ValueError, match="Content-Length alone"):
        plain(HEAD + b"\r\n" + BODY).head(200, [(b"transfer-encoding", b"gzip, chunked")])
