"""What the cassettes cannot say of the decoder: that it copies nothing, and that no cut gets past it."""

import time

import msgspec
import pytest

from gateway.dialect.answers import outcome_of
from gateway.wire import Received
from strategies import Cause, Failure, Success

BODY = b'{"created": 1, "data": [{"b64_json": "iVBORw0KGgo="}], "usage": {"total_tokens": 1}, "size": "1x1"}'


def outcome(body, status=200):
    return outcome_of(Received(status, {}, body), "openai")


@pytest.mark.parametrize("length", range(len(BODY)))
def test_an_answer_cut_anywhere_is_never_a_success(length):
    failure = outcome(BODY[:length])
    assert isinstance(failure, Failure)
    assert failure.cause is Cause.INCOMPLETE
    assert failure.code == "upstream_bad_response"


@pytest.mark.parametrize("place", range(len(BODY)))
@pytest.mark.parametrize("junk", [b"\xff", b'"', b"\\", b"{", b"\x00"], ids=repr)
def test_a_broken_answer_ends_in_an_outcome(place, junk):
    assert isinstance(outcome(BODY[:place] + junk + BODY[place + 1 :]), Success | Failure)


@pytest.mark.parametrize(
    "body", [b"null", b"1", b'"text"', b"{}", b'{"data": null}', b'{"data": [null]}', b'{"data": 1}']
)
def test_json_without_pictures_is_a_failure(body):
    assert isinstance(outcome(body), Failure)


@pytest.mark.parametrize(
    "error",
    [
        [],
        ["a"],
        {"code": []},
        {"code": {"a": 1}, "type": []},
        {"inner_error": []},
        {"inner_error": {"code": []}},
        5,
        None,
    ],
    ids=repr,
)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_an_error_of_any_shape_is_a_failure(error, status):
    failure = outcome(msgspec.json.encode({"error": error}), status)
    assert isinstance(failure, Failure)
    assert failure.cause is not Cause.POLICY


def test_a_huge_error_page_is_not_read():
    failure = outcome(b'{"error": {"message": "' + b"a " * 200_000 + b'"}}', 500)
    assert failure.message == "the provider answered 500"


def test_a_long_message_is_shortened():
    failure = outcome(msgspec.json.encode({"error": {"message": "very " * 2000}}), 500)
    assert len(failure.message) == 500
    assert failure.message.endswith("…")


def test_a_large_picture_is_neither_copied_nor_decoded():
    text = b"iVBORw0KGgo" * 190_000
    body = b'{"created":1763600000,"data":[{"b64_json":"' + text + b'"}],"size":"1024x1024"}'
    outcome(body)
    best = min(_seconds(body) for _ in range(20))
    reply = outcome(body).reply
    assert reply.canonical is body
    assert len(reply.pictures[0].b64) == len(text)
    assert best < 0.01, "2 MB take a third of a millisecond on a quiet machine"


def _seconds(body):
    started = time.perf_counter()
    outcome(body)
    return time.perf_counter() - started
