import pytest

from gateway.errors import GatewayError
from gateway.http.decode import flag_of, headers_of, json_object, metadata_of, seconds_allowed, trace_id_of

JSON = {"content-type": "application/json"}


def refused(call, *arguments):
    with pytest.raises(GatewayError) as refusal:
        call(*arguments)
    return refusal.value


def test_of_a_repeated_header_the_first_counts():
    assert headers_of({"headers": [(b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3")]}) == {"x-a": "1", "x-b": "2"}


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8", " application/json "],
)
def test_json_is_read_however_it_is_announced(kind):
    assert json_object(b'{"prompt": "an otter"}', {"content-type": kind}) == {"prompt": "an otter"}


def test_json_is_read_without_a_content_type():
    assert json_object(b'{"prompt": "an otter"}', {}) == {"prompt": "an otter"}


def test_null_means_the_default():
    body = b'{"prompt": "an otter", "n": null, "size": null, "model": null, "nested": {"a": null}}'
    assert json_object(body, JSON) == {"prompt": "an otter", "nested": {"a": None}}


def test_unknown_keys_travel():
    assert json_object(b'{"prompt": "p", "whatever": [1, {"a": 2.5}]}', JSON)["whatever"] == [1, {"a": 2.5}]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"7",
        b'{"n": NaN}',
        b'{"n": 1e999}',
        b"\xff\xfe",
        b"[" * 5000 + b"]" * 5000,
    ],
    ids=["empty", "cut", "list", "text", "null", "number", "NaN", "infinite", "not UTF-8", "too deep"],
)
def test_what_is_no_json_object_is_refused(body):
    told = refused(json_object, body, JSON)
    assert (told.status, told.code) == (400, "invalid_json")
    assert "\n" not in told.message
    assert len(told.message) < 300


@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "text/plain", "", "application/x-www-form-urlencoded"]
)
def test_another_kind_of_body_is_refused_with_what_to_send(kind):
    told = refused(json_object, b"{}", {"content-type": kind})
    assert (told.status, told.code) == (415, "unsupported_encoding")
    assert "application/json" in told.message


def test_metadata_is_an_object_of_strings():
    assert metadata_of({}) == {}
    assert metadata_of({"x-portkey-metadata": '{"_user": "ada", "plan": "paid"}'}) == {"_user": "ada", "plan": "paid"}


@pytest.mark.parametrize(
    "text", ["", "ada", "[]", '"ada"', '{"a": 1}', '{"a": {"b": "c"}}', '{"a": true}', '{"a": null}', "{'a': 'b'}"]
)
def test_other_metadata_is_refused(text):
    told = refused(metadata_of, {"x-portkey-metadata": text})
    assert (told.status, told.code, told.param) == (400, "invalid_request", "x-portkey-metadata")
    assert "string" in told.message


@pytest.mark.parametrize(
    ("text", "default", "seconds"),
    [
        (None, 180.0, 180.0),
        ("1000", 180.0, 1.0),
        ("600000", 180.0, 600.0),
    ],
    ids=["the default", "the least", "the most"],
)
def test_a_caller_says_how_long_it_waits(text, default, seconds):
    assert seconds_allowed({} if text is None else {"x-gateway-deadline": text}, default) == seconds


@pytest.mark.parametrize(
    "text", ["", "999", "600001", "-5000", "5000.0", "5e3", "5 s", "\u0665\u0660\u0660\u0660", "9" * 5000, " 5000"]
)
def test_another_deadline_is_refused(text):
    told = refused(seconds_allowed, {"x-gateway-deadline": text}, 180.0)
    assert (told.status, told.param) == (400, "x-gateway-deadline")
    assert "from 1000 to 600000" in told.message
    assert len(told.message) < 200


def test_a_trace_id_is_kept():
    assert trace_id_of({"x-portkey-trace-id": "abc-1"}) == "abc-1"
    assert trace_id_of({"x-portkey-trace-id": ""}) is None
    assert trace_id_of({}) is None
    assert refused(trace_id_of, {"x-portkey-trace-id": "a" * 257}).param == "x-portkey-trace-id"


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "1", " true "])
def test_true_is_true(word):
    assert flag_of({"x-flag": word}, "x-flag")


@pytest.mark.parametrize("word", ["false", "False", "0", "", None])
def test_false_is_false_and_so_is_nothing(word):
    assert not flag_of({} if word is None else {"x-flag": word}, "x-flag")


def test_a_flag_that_says_something_else_is_refused():
    told = refused(flag_of, {"x-flag": "maybe"}, "x-flag")
    assert (told.status, told.param) == (400, "x-flag")
    assert "true or false" in told.message
