"""Bytes from callers and providers: forms, pictures and events that are nearly right."""

import asyncio
import base64
import contextlib
import io
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from gateway.delivery.formats import Header, NotAPicture, read_header
from gateway.delivery.verify import Fault, Seen, look
from gateway.errors import GatewayError
from gateway.http.form import Form
from gateway.images import InMemory, Picture
from gateway.transport.events import TooLarge, data_of, error_in, events_in
from tests.end_to_end.provider import png
from tests.end_to_end.studio import COMPLETED, PARTIAL, event, form
from tests.fuzz.bending import CUTS, attempted, in_time, pieces, spliced
from tests.fuzz.lengths import tries
from tests.gateway.delivery.pictures import REAL, painted

LARGEST = 1 << 14


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as running:
        yield running


FORMS = [
    form(("prompt", "an otter"), ("n", "2"), ("image", "a.png", png()), ("mask", "m.png", png()))[0],
    form(("image[]", "a.png", png()), ("image[]", "b.png", png()), ("extra", '{"a": [1.50]}'), ("a[]", "1"))[0],
    form(("prompt", "x" * 300))[0],
]
FORM_TOKENS = st.binary(max_size=6) | st.sampled_from(
    [
        *(
            b"--the-boundary",
            b"\r\n--the-boundary\r\n",
            b"\r\n--the-boundary--",
            b"--",
            b"\r\n\r\n",
            b"\r\n",
            b"\n",
            b"\r",
        ),
        *(
            b'; filename="',
            b'name="',
            b'name=image[7]"',
            b"name*=utf-8''%c3%28; ",
            b'"\\',
            b"; ;=;",
            b"\xff\xfe",
            b"\0",
        ),
        *(b"Content-Disposition: form-data; name=", b"content-disposition:" * 30, b"x" * 5000, b"Content-Type: x\r\n"),
    ]
)
TYPES = st.sampled_from(["multipart/form-data; boundary=the-boundary"] * 8) | spliced(
    ['multipart/form-data; boundary="the-boundary"'],
    st.text(string.printable[:95], max_size=3) | st.sampled_from([';boundary="', "%", '\\"', "*0=", "*=utf-8''%ff"]),
)


def told(value):
    """Return parameters as they can be compared, whichever spools they lie in."""
    if isinstance(value, dict):
        return {name: told(item) for name, item in value.items()}
    if isinstance(value, list):
        return [told(item) for item in value]
    return str(value)


async def read_form(kind, parts):
    """Return what a form says, or how it is refused."""
    closing = []
    with contextlib.ExitStack() as leaving:
        leaving.callback(lambda: [close() for close in closing])
        try:
            coming = Form(kind, closing)
            for part in parts:
                await coming.feed(part)
            return told(await coming.params())
        except GatewayError as refused:
            return refused.status, refused.code


@tries(400, 20_000)
@given(cuts=CUTS, kind=TYPES, body=spliced(FORMS, FORM_TOKENS) | st.sampled_from(FORMS) | st.binary(max_size=60))
def test_any_form_is_read_or_refused_however_it_is_cut(runner, cuts, kind, body):
    at_once = in_time(lambda: runner.run(read_form(kind, [body])))
    in_pieces = in_time(lambda: runner.run(read_form(kind, pieces(body, cuts))))
    assert in_pieces == at_once
    assert isinstance(at_once, dict) or at_once[0] in range(400, 500)


def _avif():
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (9, 9, 200)).save(buffer, "AVIF")
    return buffer.getvalue()


SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0"/></svg>'
PICTURES = [*(painted(kind, **options) for kind, options in REAL.values()), painted("PNG", (8, 8)), _avif(), SVG]
PICTURE_TOKENS = st.binary(max_size=8) | st.sampled_from(
    [
        *(b"\xff\xd9", b"\xff\xda", b"\xff\xc0\0\x11\x08", b"\xff" * 600, b"IEND\xaeB`\x82", b"\0\0\0\rIHDR", b"ispe"),
        *(
            b"RIFF\xff\xff\xff\xff",
            b"VP8X",
            b"VP8 ",
            b"\0;",
            b"\0\0\0\1mdat\0\0\0\0\0\0\0\0",
            b"\0\0\0\0mdat",
            b"ftypavif",
        ),
        *(b"<svg", b"</svg>", b"<html>", b"\0" * 64),
    ]
)


@tries(500, 40_000)
@given(content=spliced(PICTURES, PICTURE_TOKENS) | st.binary(max_size=64))
def test_any_bytes_are_a_picture_or_a_fault(content):
    header, fault = in_time(lambda: attempted(lambda: read_header(InMemory(content)), NotAPicture))
    assert isinstance(header, Header) or str(fault)
    seen = in_time(lambda: look(Picture(data=content)))
    assert isinstance(seen, Seen | Fault)
    assert in_time(lambda: look(Picture(b64=memoryview(base64.b64encode(content))))) == seen


@tries(300, 20_000)
@given(
    text=spliced(
        [base64.b64encode(painted("PNG", (8, 8)))],
        st.binary(max_size=3)
        | st.sampled_from(
            [b"\\n", b"\\/", b"\\u0041", b"data:image/png;base64,", b"=", b"\\", b'"', b"\\ud800", b"\xff"]
        ),
    )
)
def test_any_text_is_a_picture_or_a_fault(text):
    assert isinstance(in_time(lambda: look(Picture(b64=memoryview(text)))), Seen | Fault)


@tries(300, 20_000)
@given(whole=st.sampled_from(PICTURES), cut=st.floats(0, 0.999))
def test_a_picture_without_its_end_is_a_fault(whole, cut):
    content = whole[: int(len(whole) * cut)]
    assume(len(whole) - len(content) > 2)
    assert isinstance(look(Picture(data=content)), Fault)


class Payload:
    """An answer's body as it comes, a piece at a time."""

    def __init__(self, parts):
        self._parts = list(parts)

    def at_eof(self):
        return not self._parts

    async def readchunk(self):
        return self._parts.pop(0), False


async def read_events(parts):
    found = []
    try:
        async for one in events_in(Payload(parts), largest=LARGEST):
            assert error_in(one) is None or error_in(one).startswith(b'{"error":')
            assert data_of(one) is None or isinstance(data_of(one), bytes)
            found.append(one)
    except TooLarge:
        found.append(None)
    return found


@pytest.mark.parametrize("missing", [3, 4, 20])
def test_the_rest_of_a_broken_connection_is_no_event(runner, missing):
    assert runner.run(read_events([PARTIAL, COMPLETED[:-missing]])) == [PARTIAL]


STREAMS = [
    PARTIAL + COMPLETED,
    COMPLETED.replace(b"\n", b"\r\n") + b": keep-alive\n\ndata: [DONE]\n\n",
    PARTIAL.replace(b"\n", b"\r") + event("error", error={"message": "no", "code": "x"}),
    b"retry: 5\n\ndata: {\ndata: }\n\nid: 7\n\n",
]
STREAM_TOKENS = st.binary(max_size=6) | st.sampled_from(
    [
        *(
            b"\n\n",
            b"\r\n\r\n",
            b"\r\r",
            b"\r",
            b"\n",
            b"data:",
            b"data: [DONE]\n\n",
            b"event: error\n",
            b": comment\n",
            b"\0",
        ),
        *(
            b'data: {"error": {"message": "x"}}\n\n',
            b'data: {"error": "x"}\n\n',
            b'{"type":"error"',
            b"x" * 9000,
            b"[" * 2000,
        ),
    ]
)


@tries(400, 30_000)
@given(cuts=CUTS, body=spliced(STREAMS, STREAM_TOKENS))
def test_any_events_are_read_however_they_are_cut(runner, cuts, body):
    at_once = in_time(lambda: runner.run(read_events([body])))
    in_pieces = in_time(lambda: runner.run(read_events(pieces(body, cuts))))
    if None not in (*at_once, *in_pieces):  # whether one is too large may show before its end has come
        assert in_pieces == at_once
