"""The log as JSON: one line for each record, only listed fields, the trace id in whatever is about a request."""

import ast
import io
import json
import logging

import pytest

from gateway.server.scrub import scrub_logs
from gateway.telemetry import EVENTS, FIELDS, TRACE_ID, JsonLines, write_logs_as
from tests.documents import ROOT
from tests.telemetry.asking import open_gateway, sandbox


def line(message="said", *args, name="gateway.http", exc_info=None, **extra):
    record = logging.getLogger(name).makeRecord(name, logging.INFO, "x.py", 1, message, args, exc_info, extra=extra)
    text = JsonLines().format(record)
    assert "\n" not in text
    return json.loads(text)


@pytest.fixture
def log():
    """Return what is logged meanwhile, written as the server writes it."""
    root, written = logging.getLogger(), io.StringIO()
    handler, level, others = logging.StreamHandler(written), root.level, root.handlers[:]
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG)
    scrub_logs()
    write_logs_as("json")
    yield lambda: [json.loads(each) for each in written.getvalue().splitlines()]
    root.handlers[:] = others
    root.setLevel(level)


def test_a_line_has_what_every_line_has():
    told = line("a %s of %d", "word", 5)
    assert told.keys() == {"time", "level", "logger", "message"}
    assert (told["level"], told["logger"], told["message"]) == ("info", "gateway.http", "a word of 5")


def test_what_is_not_listed_is_left_out():
    told = line(event="request_failed", status=500, api_key="not-real-key", headers={"authorization": "x"}, prompt="p")
    assert told.keys() == {"time", "level", "logger", "message", "event", "status"}


@pytest.mark.parametrize(
    "words",
    ["two\nlines", "\r\n{}", "\x00\x1b[31m", '"}, {"level": "error"', "\ud800 half", "\u2028", "a" * 100_000],
    ids=["break", "both breaks", "control", "quote", "half a character", "separator", "huge"],
)
def test_hostile_words_make_no_line_of_their_own(words):
    told = line("%s", words, reason=words)
    assert told["level"] == "info"
    assert len(told["message"]) <= 16_384


@pytest.mark.parametrize(
    "value", [float("nan"), 1 << 80, object(), b"bytes", {1: 2}, {"a": {3}}], ids=lambda each: type(each).__name__
)
def test_any_value_can_be_written(value):
    assert "status" in line(status=value)


def test_a_traceback_stands_in_its_line():
    try:
        int("no such thing")
    except ValueError as error:
        told = line("it failed", exc_info=(ValueError, error, error.__traceback__))
    assert "no such thing" in told["exception"]


def test_a_line_about_a_request_says_which():
    token = TRACE_ID.set("front-page")
    try:
        assert line(name="gateway.target")["trace_id"] == "front-page"
        assert "trace_id" not in line(name="gateway.store"), "it works for all requests"
    finally:
        TRACE_ID.reset(token)


async def test_whatever_is_said_while_a_request_is_answered_has_its_trace_id(tmp_path, log):
    async with open_gateway(tmp_path) as asked:
        await asked.paint(sandbox(), {"x-portkey-trace-id": "one"})
        await asked.paint(sandbox(status=500), {"x-portkey-trace-id": "two"})
        await asked.paint(sandbox(), {"x-portkey-trace-id": "three"}, size="7x7x7")
        nobody = {"provider": "openai", "api_key": "not-real", "custom_host": "http://127.0.0.1:9/v1"}
        shares = {**nobody, "fan_out": True, "retry": {"attempts": 0}}
        asks = {"model": "dall-e-3", "n": 2, "size": "1024x1024"}
        await asked.paint(shares, {"x-portkey-trace-id": "four"}, **asks)
    assert "an otter" not in json.dumps(log()), "no prompt stands in the log, at any level"
    told = [each for each in log() if each["logger"] in ("gateway.http", "gateway.target")]
    assert {"one", "two", "three", "four"} == {each["trace_id"] for each in told}
    assert {"gateway.target"} < {each["logger"] for each in told if each["trace_id"] == "four"}
    by_id = {each["trace_id"]: each for each in told}
    assert by_id["one"]["event"] == "request_answered"
    assert (by_id["two"]["event"], by_id["two"]["status"], by_id["two"]["cause"]) == (
        "request_failed",
        500,
        "provider_error",
    )
    assert (by_id["three"]["event"], by_id["three"]["code"]) == ("request_refused", "invalid_size")


def test_secrets_are_starred_in_every_field(log):
    extra = {"event": "config_problem", "reason": "api_key=sk-not-real-0123456789abcdef"}
    logging.getLogger("gateway.config").error("authorization: Bearer not-real-token-0001", extra=extra)
    text = json.dumps(log())
    assert "not-real" not in text
    assert "***" in text


def events_in_the_code():
    """Yield file, event and fields of every record that is given a name."""
    for file in sorted((ROOT / "gateway").rglob("*.py")):
        text = file.read_text()
        for node in ast.walk(ast.parse(text)) if '"event"' in text else ():
            if isinstance(node, ast.Dict):
                keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
                if "event" in keys:
                    named = dict(zip([key.value if key else None for key in node.keys], node.values, strict=True))
                    yield file, named["event"].value, [key for key in keys if key != "event"]


def test_every_event_in_the_code_is_listed_with_its_fields():
    found = {}
    for file, event, fields in events_in_the_code():
        if not isinstance(event, str) or file.parts[-2] not in {"http", "config"}:
            continue
        assert event in EVENTS, f"{file} has an event that is not listed: {event}"
        found[event] = {*fields, *found.get(event, ())}
    assert found.keys() == EVENTS.keys()
    for event, fields in found.items():
        assert fields - {"trace_id"} <= {*EVENTS[event]} <= FIELDS.keys()
    assert {field for fields in EVENTS.values() for field in fields} == FIELDS.keys()


def test_text_is_as_it_was(log, capsys):
    write_logs_as("text")
    handler = logging.getLogger().handlers[0]
    logging.getLogger("gateway.http").warning("said")
    assert handler.stream.getvalue().rstrip().endswith("WARNING gateway.http: said")
