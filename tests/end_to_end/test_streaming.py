"""Events: those of a provider as they come, one of ours where it has none, and never half a picture in silence."""

import asyncio
import base64
import contextlib
import json
import time

import pytest

from gateway.app import build
from gateway.config.watch import LiveConfigs
from gateway.settings import Settings
from gateway.transport import exchange
from tests.end_to_end import raw_client
from tests.end_to_end.caller import ROUTE, alive, ask, fallback, line_to
from tests.end_to_end.process import forget_peak, memory
from tests.end_to_end.provider import png, within
from tests.end_to_end.studio import SAID, Studio, form
from tests.running import serving

EDITS = "/v1/images/edits"
MIB = 1 << 20


@pytest.fixture(scope="module")
def wall():
    with Studio() as studio:
        yield studio


@pytest.fixture
def studio(wall):
    wall.forget()
    return wall


@pytest.fixture(scope="module")
def module_gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streaming")
    (folder / "gateway.yaml").write_text("server: {byte_budget: 67108864}\n")
    with serving(folder, "--data", str(folder / "data")) as running:
        yield running


@pytest.fixture
def gateway(module_gateway):
    yield module_gateway
    assert module_gateway.process.poll() is None
    assert alive(module_gateway)


class Stream:
    """One answer of events, as it comes."""

    def __init__(self, line, config, body=None, path=ROUTE, head=()):
        if body is None:
            body = {"prompt": "a", "stream": True, "partial_images": 1}
        if isinstance(body, dict):
            body, head = json.dumps(body).encode(), ("Content-Type: application/json", *head)
        lines = [f"POST {path} HTTP/1.1", "Host: g", f"Content-Length: {len(body)}", *head]
        lines.append(f"x-portkey-config: {json.dumps(config)}")
        line.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        self.file = line.makefile("rb")
        first = self.file.readline()
        self.status = int(first.split()[1])
        self.headers = {}
        while name := self.file.readline().strip().decode():
            key, _, value = name.partition(": ")
            self.headers[key.lower()] = value
        self.times = []

    def piece(self):
        size = int(self.file.readline(), 16)
        data = self.file.read(size)
        self.file.readline()
        self.times.append(time.monotonic())
        return data

    def body(self):
        if "content-length" in self.headers:
            return self.file.read(int(self.headers["content-length"]))
        return b"".join(iter(self.piece, b""))


@contextlib.contextmanager
def open_stream(gateway, config, **more):
    with line_to(gateway) as line:
        stream = Stream(line, config, **more)
        with contextlib.closing(stream.file):
            yield stream


def whole(gateway, config, **more):
    with open_stream(gateway, config, **more) as stream:
        return stream, stream.body()


def error_of(data):
    """Return the error that events end in."""
    *_, last, end = data.split(b"\n\n")
    assert end == b""
    name, _, text = last.partition(b"\n")
    assert name == b"event: error", last[:200]
    body = json.loads(text.removeprefix(b"data: "))
    assert body["type"] == "error"
    assert body["error"].keys() == {"message", "type", "param", "code"}
    return body["error"]


# --- as they come ---


@pytest.mark.parametrize(
    "steps",
    ["c", "p:c", "p:p:c:d", "crlf", "p:comment:c", "half:0.05:rest:c", "c:0.05:d", "p:unended"],
)
def test_events_pass_byte_for_byte(gateway, studio, steps):
    stream, data = whole(gateway, studio.target(f"events:{steps}"))
    assert stream.status == 200
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.headers["cache-control"] == "no-cache"
    assert stream.headers["x-portkey-provider"] == "openai-compatible"
    assert "content-length" not in stream.headers
    sent = b"".join(SAID.get(step, b"") for step in steps.split(":") if step != "comment")
    assert data == sent + (b"\n\n" if steps.endswith("unended") else b"")
    assert studio.seen[0].fields["stream"] is True


def test_the_first_event_arrives_before_the_last_is_sent(gateway, studio):
    with open_stream(gateway, studio.target("events:p:0.4:c")) as stream:
        assert stream.piece() == SAID["p"]
        assert stream.piece() == SAID["c"]
        assert stream.times[1] - stream.times[0] > 0.3


def test_events_of_an_edit_pass_too(gateway, studio):
    body, headers = form(("image", "x", png()), ("prompt", "a"), ("stream", "true"), ("partial_images", "1"))
    head = (f"Content-Type: {headers['content_type']}",)
    _, data = whole(gateway, studio.target("events:p:c"), body=body, path=EDITS, head=head)
    assert data == SAID["p"] + SAID["c"]
    assert studio.seen[0].fields["stream"] == "true"


def test_a_connection_serves_the_next_request_after_events(gateway, studio):
    with line_to(gateway) as line:
        for _ in range(3):
            assert Stream(line, studio.target("events:p:c")).body() == SAID["p"] + SAID["c"]


# --- before the first event: fallback ---


@pytest.mark.parametrize("failing", ["status:500", "status:429", "status:400", "events:e", "events", "events:cut"])
def test_until_the_first_event_another_target_may_answer(gateway, studio, failing):
    stream, data = whole(gateway, fallback(studio.target(failing), studio.target("events:p:c")))
    assert (stream.status, stream.headers["x-gateway-attempts"]) == (200, "2")
    assert stream.headers["x-portkey-last-used-option-index"] == "config.targets[1]"
    assert data == SAID["p"] + SAID["c"]


@pytest.mark.parametrize(
    ("failing", "code"),
    [
        ("status:500", "upstream_error"),
        ("events:e", "server_error"),
        ("events", "upstream_incomplete"),
        ("events:half", "upstream_incomplete"),
        ("events:cut", "upstream_incomplete"),
        ("events:comment", "upstream_incomplete"),
    ],
)
def test_without_another_target_the_answer_is_an_error_and_no_events(gateway, studio, failing, code):
    stream, data = whole(gateway, studio.target(failing))
    assert stream.status >= 400
    assert stream.headers["content-type"] == "application/json"
    error = json.loads(data)["error"]
    assert error["attempts"]
    assert code in (error["code"], error.get("provider_code")), error


def test_a_target_may_time_out_before_its_first_event(gateway, studio):
    config = fallback(studio.target("events:hang", request_timeout=300), studio.target("events:c"))
    stream, data = whole(gateway, config)
    assert (stream.headers["x-gateway-attempts"], data) == ("2", SAID["c"])
    assert within(1, lambda: studio.seen[0].left_at)


# --- after the first event: an error event, and nothing else ---


@pytest.mark.parametrize(
    ("steps", "code"),
    [("p:cut", "upstream_incomplete"), ("p:half:cut", "upstream_incomplete"), ("p", "upstream_incomplete")],
)
def test_a_break_ends_in_an_error_event(gateway, studio, steps, code):
    config = fallback(studio.target(f"events:{steps}"), studio.target("events:c"))
    stream, data = whole(gateway, config)
    assert stream.status == 200
    assert data.startswith(SAID["p"])
    assert error_of(data)["code"] == code
    assert len(studio.seen) == 1


def test_a_providers_own_error_event_is_the_last_word(gateway, studio):
    _, data = whole(gateway, studio.target("events:p:e:hang"))
    assert data == SAID["p"] + SAID["e"]
    assert within(1, lambda: studio.seen[0].left_at)


@pytest.mark.parametrize("steps", ["p:c:cut", "c:half:cut"])
def test_a_break_behind_the_whole_picture_costs_nobody_anything(gateway, studio, steps):
    _, data = whole(gateway, studio.target(f"events:{steps}"))
    assert data.endswith(SAID["c"])


def test_one_of_two_pictures_is_not_all(gateway, studio):
    body = {"prompt": "a", "stream": True, "n": 2}
    _, data = whole(gateway, studio.target("events:c"), body=body)
    assert data.startswith(SAID["c"])
    assert error_of(data)["code"] == "upstream_incomplete"
    _, data = whole(gateway, studio.target("events:c:c"), body=body)
    assert data == SAID["c"] * 2


def test_the_deadline_ends_in_an_error_event(gateway, studio):
    started = time.monotonic()
    _, data = whole(gateway, studio.target("events:p:hang"), head=("x-gateway-deadline: 1000",))
    assert error_of(data)["code"] == "deadline_exceeded"
    assert time.monotonic() - started < 2
    assert within(1, lambda: studio.seen[0].left_at)


@pytest.mark.parametrize("bound", [{"request_timeout": 1000}, {"deadline": 1000}], ids=str)
def test_what_bounds_a_target_bounds_its_events(gateway, studio, bound):
    started = time.monotonic()
    _, data = whole(gateway, {**studio.target("events:p:hang"), **bound})
    assert error_of(data)["code"] == "deadline_exceeded"
    assert time.monotonic() - started < 2


async def test_a_stall_ends_in_an_error_event(studio, tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "_STALL_SECONDS", 0.02)
    application, _ = build(Settings(data=str(tmp_path)), LiveConfigs(tmp_path, {}))
    async with raw_client.serving(application) as server, raw_client.connect(server.port) as raw:
        body = b'{"prompt": "a", "stream": true}'
        config = json.dumps(studio.target("events:p:comment:hang")).encode()
        line = b"x-portkey-config: " + config
        await raw.send(raw_client.request(ROUTE.encode(), line, method=b"POST", body=body))
        got = await raw.answer()
    assert got.body.startswith(SAID["p"])
    assert "stood still" in error_of(got.body)["message"]
    assert await asyncio.to_thread(within, 1, lambda: studio.seen[0].left_at)


def test_an_event_that_is_too_large_ends_in_an_error_event(tmp_path, studio):
    (tmp_path / "gateway.yaml").write_text("server: {max_response_bytes: 1000000}\n")
    with serving(tmp_path, "--data", str(tmp_path)) as running:
        _, data = whole(running, studio.target("events:p:large2000000:c"))
        assert data.startswith(SAID["p"])
        assert error_of(data)["code"] == "upstream_too_large"
        stream, data = whole(running, studio.target("events:large2000000:c"))
        assert (stream.status, json.loads(data)["error"]["code"]) == (502, "upstream_too_large")


# --- one event of ours ---


@pytest.mark.parametrize(
    ("path", "kind"), [(ROUTE, "image_generation.completed"), (EDITS, "image_edit.completed")], ids=["new", "edit"]
)
def test_the_sandbox_has_one_event_for_each_picture(gateway, path, kind):
    if path == EDITS:
        fields = [("stream", "true"), ("n", "2"), ("size", "64x64"), ("partial_images", "2")]
        body, headers = form(("image", "x", png(64, 64)), ("prompt", "a"), *fields)
        head = (f"Content-Type: {headers['content_type']}",)
    else:
        body, head = {"prompt": "a", "stream": True, "n": 2, "size": "64x64", "partial_images": 2}, ()
    stream, data = whole(gateway, {"provider": "sandbox"}, body=body, path=path, head=head)
    assert stream.status == 200
    *events, end = data.split(b"\n\n")
    assert (len(events), end) == (2, b"")
    for event in events:
        name, text = event.split(b"\n")
        assert name == f"event: {kind}".encode()
        item = json.loads(text.removeprefix(b"data: "))
        assert item["type"] == kind
        assert isinstance(item["created_at"], int)
        assert item["size"] == "64x64"
        assert base64.b64decode(item["b64_json"], validate=True).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("model", "wanted", "held"),
    [
        ("good", None, "b64_json"),
        ("good", "url", "url"),
        ("links:good.png", None, "b64_json"),
        ("links:good.png", "b64_json", "b64_json"),
        ("bytes:700001", None, "b64_json"),
    ],
)
def test_a_provider_that_answers_at_once_has_one_event_of_ours(gateway, studio, model, wanted, held):
    body = {"prompt": "a", "stream": True} | ({"response_format": wanted} if wanted else {})
    stream, data = whole(gateway, studio.target(model), body=body)
    assert stream.headers["content-type"].startswith("text/event-stream")
    item = json.loads(data.partition(b"data: ")[2])
    assert {"url", "b64_json"} & item.keys() == {held}
    if held == "b64_json":
        assert base64.b64decode(item["b64_json"], validate=True).endswith(b"IEND\xaeB`\x82")


def test_what_is_not_asked_for_as_events_comes_as_json(gateway, studio):
    assert ask(gateway, {"prompt": "a", "stream": False}, config=studio.target("good")).json["data"]


# --- the caller leaves ---


def test_a_caller_who_leaves_in_the_middle_ends_the_providers_work(gateway, studio):
    with open_stream(gateway, studio.target("events:p:hang")) as stream:
        assert stream.piece() == SAID["p"]
    left = time.monotonic()
    assert within(2, lambda: studio.seen[0].left_at)
    assert studio.seen[0].left_at - left < 1


def test_a_caller_who_leaves_before_the_first_event_ends_it_too(gateway, studio):
    with line_to(gateway) as line:
        body = b'{"prompt": "a", "stream": true}'
        head = f"POST {ROUTE} HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        line.sendall(f"{head}x-portkey-config: {json.dumps(studio.target('events:hang'))}\r\n\r\n".encode() + body)
        assert within(3, lambda: studio.seen)
    left = time.monotonic()
    assert within(2, lambda: studio.seen[0].left_at)
    assert studio.seen[0].left_at - left < 1


def test_large_events_stay_within_the_byte_budget(gateway, studio):
    """12 streams with an event of 20 MiB each, read slowly: most of them wait at the provider's."""
    lines = []
    forget_peak(gateway.process)
    before = memory(gateway.process)
    with contextlib.ExitStack() as closing:
        for _ in range(12):
            line = closing.enter_context(line_to(gateway))
            lines.append(Stream(line, studio.target(f"events:p:large{20 * MIB}:c")))
        for stream in lines:
            closing.callback(stream.file.close)
            assert stream.body().endswith(SAID["c"])
    grown = memory(gateway.process, "VmHWM") - before
    assert grown < 1.5 * 64 * MIB + 64 * MIB, f"{grown / MIB:.0f} MiB"
