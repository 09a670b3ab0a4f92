"""Uploads on their way in: at the speed of whoever sends them, within bounds, put aside where they are large."""

import asyncio
import random

import orjson
import pytest

from gateway import virtual_time
from gateway.dialect.openai_body import text_of
from gateway.errors import BodyTimeout, BodyTooLarge, GatewayError, Overloaded
from gateway.http.body import ClientGone, pour_body, unless_gone
from gateway.http.form import Form
from gateway.http.spool import IN_MEMORY, Spool
from gateway.http.uploads import value_of
from tests.end_to_end.provider import png
from tests.end_to_end.studio import form


def receiving(*pieces, pause=0.0, then=None):
    """Return a body that comes piece by piece, and what comes after it."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append(then or {"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        if pause:
            await asyncio.sleep(pause)
        return messages.pop(0)

    return receive


async def poured(receive, into=None, limit=1000, **more):
    got = []

    async def take(piece):
        got.append(piece)

    await pour_body(receive, into or take, limit=limit, **more)
    return got


async def test_a_body_is_handed_on_as_it_comes():
    assert await poured(receiving(b"a", b"", b"bc")) == [b"a", b"bc"]


async def test_a_body_may_take_its_limit_and_no_more():
    assert await poured(receiving(b"a" * 1000)) == [b"a" * 1000]
    for receive, declared in ((receiving(b"a" * 600, b"a" * 401), None), (receiving(), 1001)):
        with pytest.raises(BodyTooLarge) as refused:
            await poured(receive, declared=declared)
        assert refused.value.headers == {"connection": "close"}


def test_a_body_that_comes_too_slowly_is_refused():
    slow = receiving(*[b"a"] * 1000, pause=0.01)
    with pytest.raises(BodyTimeout):
        virtual_time.run(poured(slow, grace_seconds=0.05, bytes_per_second=1000))


def test_a_body_at_the_least_speed_is_taken():
    def steady():  # 1,000 bytes a second, each piece at the end of its time
        return receiving(*[b"a" * 100] * 10, pause=0.1)

    assert len(virtual_time.run(poured(steady(), grace_seconds=0.25, bytes_per_second=650))) == 10
    with pytest.raises(BodyTimeout):
        virtual_time.run(poured(steady(), grace_seconds=0.25, bytes_per_second=1100))


def test_only_waiting_for_the_caller_counts():
    async def slow_disk(_):
        await asyncio.sleep(0.03)

    virtual_time.run(poured(receiving(*[b"a"] * 5), slow_disk, grace_seconds=0.05))


async def test_a_caller_who_leaves_is_noticed():
    with pytest.raises(ClientGone):
        await poured(receiving(b"a", then={"type": "http.disconnect"}))


async def test_work_for_a_caller_who_leaves_is_ended():
    ended = asyncio.Event()

    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    with pytest.raises(ClientGone):
        await unless_gone(work(), receiving(b"", then={"type": "http.disconnect"}))
    assert ended.is_set()


async def test_work_that_is_cancelled_from_outside_is_cancelled():
    running = asyncio.create_task(unless_gone(asyncio.sleep(60), receiving(pause=60)))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def spooled(*pieces):
    spool = Spool()
    for piece in pieces:
        await spool.write(piece)
    await spool.finish()
    return spool


@pytest.mark.parametrize("size", [0, 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY + 5])
async def test_a_spool_gives_back_what_it_took(size):
    data = random.Random(size).randbytes(size)
    spool = await spooled(*(data[at : at + 100_000] for at in range(0, size, 100_000)))
    assert (spool.size, spool.at(0, size + 10)) == (size, data)
    assert spool.at(size // 2, 7) == data[size // 2 :][:7]
    assert spool.at(size, 5) == b""
    spool.close()


async def test_a_spool_that_is_closed_leaves_no_file():
    spools = [await spooled(bytes(2 * IN_MEMORY)) for _ in range(10)]
    files = [spool._file for spool in spools]
    assert [file.closed for file in files] == [False] * 10
    for spool in spools:
        spool.close()
        spool.close()
    assert [file.closed for file in files] == [True] * 10


async def test_a_disk_that_is_full_is_said_to_the_caller(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(Overloaded) as refused:
        await spooled(bytes(2 * IN_MEMORY))
    assert (refused.value.status, refused.value.code) == (503, "overloaded")
    assert "connection" in refused.value.headers


async def read(body, pieces, boundary="the-boundary"):
    """Return the parameters of a form that comes in pieces of these sizes."""
    closing = []
    try:
        coming = Form(f"multipart/form-data; boundary={boundary}", closing)
        at = 0
        while at < len(body):
            size = next(pieces)
            await coming.feed(body[at : at + size])
            at += size
        params = await coming.params()
        for name in ("image", "mask"):
            if name in params:
                found = params[name] if isinstance(params[name], list) else [params[name]]
                params[name] = [upload.content.at(0, upload.content.size) for upload in found]
        return params
    finally:
        for close in closing:
            close()


@pytest.mark.parametrize("seed", range(20))
async def test_a_form_means_the_same_however_it_comes(seed):
    """Text full of what looks like boundaries, in pieces that end anywhere."""
    rng = random.Random(seed)
    near = ["\r\n--the-boundar", "\r\n--", "--the-boundar-", "\r", "\n", "\r\n", "the-boundar--", "\r\n-", "a"]
    texts = {f"field{number}": "".join(rng.choices(near, k=rng.randint(0, 40))) for number in range(10)}
    picture = png(8, 8)
    body, _ = form(*texts.items(), ("image[]", "x", picture), ("image[]", "x", picture), ("n", "2"), ("seed", "-3"))
    pieces = iter(lambda: rng.choice([1, 1, 2, 3, 17, 500]), None)
    assert await read(body, pieces) == {**texts, "image": [picture, picture], "n": 2, "seed": -3}


@pytest.mark.parametrize("preamble", [b"", b"\r\n", b"This is a message in several parts.\r\n"])
@pytest.mark.parametrize("epilogue", [b"", b"\r\n", b"\r\nend\r\n--the-boundary--"])
async def test_what_stands_around_a_form_says_nothing(preamble, epilogue):
    body, _ = form(("prompt", "a"))
    assert await read(preamble + body + epilogue, iter(lambda: 5, None)) == {"prompt": "a"}


@pytest.mark.parametrize(
    ("fields", "params"),
    [
        ([("n", "3")], {"n": 3}),
        ([("n", " 3 ")], {"n": 3}),
        ([("n", "three")], {"n": "three"}),
        ([("n", "--3")], {"n": "--3"}),
        ([("n", "3.5")], {"n": "3.5"}),
        ([("n", "")], {"n": ""}),
        ([("n", "\N{ARABIC-INDIC DIGIT THREE}")], {"n": "\N{ARABIC-INDIC DIGIT THREE}"}),
        ([("stream", "true")], {"stream": True}),
        ([("stream", "False")], {"stream": False}),
        ([("stream", "maybe")], {"stream": "maybe"}),
        ([("prompt", "3")], {"prompt": "3"}),
        ([("user", "true")], {"user": "true"}),
        ([("sandbox", '{"latency_ms": 1}')], {"sandbox": {"latency_ms": 1}}),
        ([("sandbox", "{")], {"sandbox": "{"}),
        ([("strength", "0.5"), ("steps", "42"), ("tiling", "true")], {"strength": 0.5, "steps": 42, "tiling": True}),
        ([("colors", '["red"]'), ("loras", '[{"scale": 1}]')], {"colors": ["red"], "loras": [{"scale": 1}]}),
        ([("settings", '{"a": 1}')], {"settings": {"a": 1}}),
        ([("title", "null"), ("name", '"a"'), ("code", "007")], {"title": "null", "name": '"a"', "code": "007"}),
        ([("tags[]", "a")], {"tags": ["a"]}),
        ([("tags[]", "a"), ("tags[]", "b")], {"tags": ["a", "b"]}),
        ([("tags", "a"), ("tags", "b")], {"tags": ["a", "b"]}),
        ([("[]", "a")], {"[]": ["a"]}),
        ([("größe", "a")], {"größe": "a"}),
    ],
)
async def test_fields_of_a_form_are_what_json_would_hold(fields, params):
    body, _ = form(*fields)
    assert await read(body, iter(lambda: 1000, None)) == params


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *[("42", 42), ("42 ", 42), ("-7", -7), ("-0", 0), ("0.5", 0.5), ("0.50", 0.5), ("1e-05", 1e-05)],
        *[("12345678901234567890123", 12345678901234567890123.0), ("true", True), ("false", False)],
        *[('{"a":1}', {"a": 1}), ('{"a": 1}', {"a": 1}), ('{"a": 1, "a": 2}', {"a": 2}), ("{}", {})],
        *[("[1,2]", [1, 2]), ('[ "a",\n"b"]', ["a", "b"]), ("[0.50]", [0.5])],
    ],
)
def test_a_field_of_a_providers_own_means_something_in_json_and_goes_into_a_form_as_it_was_typed(text, meant):
    value = value_of("own", text)
    assert orjson.loads(orjson.dumps({"own": value})) == {"own": meant}
    assert text_of(value) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", '"a"', "True", "true ", "truely", "-", "--3", "007", "1.2.3", "1e999", "3d-model", "{", "[1, 2"),
        *("[" * 2000 + "]" * 2000, "[" * 300 + "]" * 300),
    ],
)
def test_what_reads_as_no_json_stays_the_text_that_it_is(text):
    assert value_of("own", text) == text


@pytest.mark.parametrize("name", ["prompt", "model", "user", "style", "negative_prompt"])
def test_what_is_a_text_in_openais_words_stays_one(name):
    assert value_of(name, "42") == "42"


@pytest.mark.parametrize("boundary", ["a", "a" * 200, "=_?'()+,-./:a b", "--", "0"])
async def test_any_boundary_may_be_used(boundary):
    body, _ = form(("prompt", "a"), boundary=boundary)
    quoted = f'"{boundary}"'
    assert await read(body, iter(lambda: 3, None), quoted) == {"prompt": "a"}


@pytest.mark.parametrize(
    "line",
    [b"\r\n--the-boundaryX", b"\r\n--the-boundary \t\r\n", b"\r\n--the-boundary-X", b"\r\n--the-boundary\n"],
)
async def test_a_boundary_that_goes_on_is_no_boundary(line):
    body, _ = form(("prompt", "abc"))
    with pytest.raises(GatewayError, match="not separated"):
        await read(body.replace(b"abc", b"a" + line + b"c"), iter(lambda: 4, None))
