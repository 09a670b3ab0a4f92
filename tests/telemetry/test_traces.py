"""Traces, as a real collector gets them: whose they are, what they tell, and what they never hold up."""

import logging
import socket
import time

import pytest

from gateway.settings import Settings
from gateway.telemetry.otlp import Otlp
from gateway.telemetry.traces import Span
from gateway.telemetry.tracing import objection, traces_for
from tests.end_to_end.provider import Provider
from tests.telemetry.asking import RESCUED, of, open_gateway, sandbox
from tests.telemetry.collector import Collector

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = (f"00-{TRACE}-{PARENT}-{flags}" for flags in ("01", "00"))
SERVER, CLIENT = 2, 3


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def provider():
    with Provider() as running:
        yield running


@pytest.fixture
def collector():
    with Collector() as running:
        yield running


@pytest.fixture
async def exporter(closed_port):
    made = Otlp(closed_port, {})
    yield made
    await made.close()


def at(provider, **more):
    return {
        "provider": "openai",
        "api_key": "test-provider-key-not-real",
        "custom_host": provider.url,
        "retry": {"attempts": 0},
        **more,
    }


async def painted(tmp_path, collector, config, status=200, headers=(), **asked):
    """Return the spans of one request, the request's own first, and the answer's headers."""
    async with open_gateway(tmp_path, otel_endpoint=collector.base) as gateway:
        found, lines, _ = await gateway.paint(config, dict(headers), **asked)
        assert found == status
    return sorted(collector.spans, key=lambda span: (span.kind, span.begins, span.error is None)), lines


async def test_a_request_and_each_attempt_have_a_span(tmp_path, collector):
    prompt = "an otter that nobody else may know of"
    (request, first, second), lines = await painted(tmp_path, collector, RESCUED, prompt=prompt)
    assert (request.name, request.kind, request.parent_id) == ("POST /v1/images/generations", SERVER, "")
    assert [(span.name, span.kind, span.parent_id) for span in (first, second)] == [
        ("generate sandbox", CLIENT, request.span_id)
    ] * 2
    assert {span.trace_id for span in (request, first, second)} == {lines["x-portkey-trace-id"]}
    assert len({span.span_id for span in (request, first, second)}) == 3
    assert [span.error for span in (request, first, second)] == [None, "provider_error", None]
    assert request.begins <= first.begins <= first.ends <= second.begins <= second.ends <= request.ends
    assert abs(request.ends - time.time_ns()) < 60e9
    assert first.attributes == {
        "error.type": "provider_error",
        "http.response.status_code": 503,
        "gen_ai.operation.name": "generate",
        "gen_ai.output.type": "image",
        "gen_ai.provider.name": "sandbox",
        "gen_ai.request.model": "sandbox",
        "beamsplitter.attempt": 1,
        "beamsplitter.target": "config.targets[0]",
        "beamsplitter.sent": True,
        "beamsplitter.maybe_billed": False,
    }
    told = {name: value for name, value in request.attributes.items() if name.startswith("beamsplitter.")}
    assert told["beamsplitter.attempts"] == 2
    assert told["beamsplitter.rescued"] is True
    assert request.attributes["http.response.status_code"] == 200
    assert request.resource["service.name"] == "beamsplitter"
    assert prompt not in str(collector.spans)


async def test_a_callers_trace_goes_on_to_the_provider_by_way_of_each_attempt(tmp_path, collector, provider):
    provider.forget()
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [at(provider, override_params={"model": "status:503"}), at(provider)],
    }
    headers = {"traceparent": SAMPLED, "tracestate": "vendor=1"}
    (request, first, second), _ = await painted(tmp_path, collector, config, headers=headers, model="good")
    assert {span.trace_id for span in (request, first, second)} == {TRACE}
    assert request.parent_id == PARENT
    sent = [each.headers for each in provider.seen]
    assert [each["traceparent"] for each in sent] == [f"00-{TRACE}-{span.span_id}-01" for span in (first, second)]
    assert [each["tracestate"] for each in sent] == ["vendor=1"] * 2
    assert "test-provider-key-not-real" not in str(collector.spans)


async def test_a_caller_that_samples_nothing_is_not_traced_and_the_provider_is_told(tmp_path, collector, provider):
    provider.forget()
    spans, _ = await painted(tmp_path, collector, at(provider), headers={"traceparent": UNSAMPLED}, model="good")
    assert spans == []
    trace, _, flags = provider.seen[0].headers["traceparent"].split("-")[1:]
    assert (trace, flags) == (TRACE, "00")


async def test_without_tracing_a_callers_context_stays_here(tmp_path, provider):
    provider.forget()
    async with open_gateway(tmp_path) as gateway:
        headers = {"traceparent": SAMPLED, "tracestate": "vendor=1"}
        assert (await gateway.paint(at(provider), headers, model="good"))[0] == 200
        assert (await gateway.paint(at(provider, forward_headers=["traceparent"]), headers, model="good"))[0] == 200
    first, second = (each.headers for each in provider.seen)
    assert {"traceparent", "tracestate"} & first.keys() == set()
    assert second["traceparent"] == SAMPLED


@pytest.mark.parametrize(
    "said",
    [
        "",
        "nonsense",
        f"00-{'0' * 32}-{PARENT}-01",
        f"ff-{TRACE}-{PARENT}-01",
        "00-" + "a" * 5000,
        f"00-{TRACE}-{PARENT}-01-x",
    ],
    ids=["empty", "nonsense", "zeros", "of no version", "huge", "with an end"],
)
async def test_what_is_no_context_begins_a_trace_of_ours(said, exporter):
    trace = exporter.begin({"traceparent": said, "tracestate": "=,=@," * 500}, 7)
    assert (trace.trace_id, trace.parent_id, trace.sampled, trace.state) == (7, None, True, "")


async def test_a_callers_own_trace_id_is_an_attribute(tmp_path, collector):
    (request, *_), _ = await painted(tmp_path, collector, sandbox(), headers={"x-portkey-trace-id": "front-page"})
    assert request.attributes["beamsplitter.trace_id"] == "front-page"
    assert len(request.trace_id) == 32


async def test_failures_and_refusals_are_told_by_their_cause(tmp_path, collector):
    async with open_gateway(tmp_path, otel_endpoint=collector.base) as gateway:
        assert (await gateway.paint(sandbox(status=500)))[0] == 500
        assert (await gateway.paint(sandbox(), size="7x7x7"))[0] == 400
    failed, refused = sorted((span for span in collector.spans if span.kind == SERVER), key=lambda span: span.begins)
    assert (failed.error, failed.attributes["error.type"]) == ("provider_error", "provider_error")
    assert refused.error is None
    assert refused.attributes["http.response.status_code"] == 400


async def test_pictures_of_one_request_that_are_made_beside_each_other_have_a_span_each(tmp_path, collector):
    config = {"provider": "sandbox", "fan_out": True}
    (request, *attempts), _ = await painted(tmp_path, collector, config, n=3)
    assert len({span.span_id for span in attempts}) == len(attempts) == request.attributes["beamsplitter.attempts"]


async def test_a_collector_that_is_away_holds_nobody_up_and_what_it_misses_is_counted(tmp_path, collector, caplog):
    collector.status = 400
    async with open_gateway(tmp_path, otel_endpoint=collector.base) as gateway:
        for _ in range(3):
            assert (await gateway.paint(sandbox()))[0] == 200
        ends = gateway.gateway.telemetry.traces.exporter.ends
        until = time.monotonic() + 10
        while ends.dropped < 6 and time.monotonic() < until:
            await gateway.get("/livez")
        found = await gateway.metrics()
    assert of(found, "beamsplitter_spans_total", end="dropped") == 6
    assert of(found, "beamsplitter_spans_total", end="sent") == 0
    said = {record.name for record in caplog.records if record.levelno >= logging.WARNING}
    assert said == {"gateway.telemetry"}


async def test_a_collector_that_nobody_answers_for_does_not_delay_the_end(tmp_path, closed_port):
    began = time.monotonic()
    async with open_gateway(tmp_path, otel_endpoint=closed_port) as gateway:
        assert (await gateway.paint(sandbox()))[0] == 200
    assert time.monotonic() - began < 8


@pytest.fixture
def closed_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


async def test_what_does_not_fit_is_dropped_and_counted(monkeypatch, closed_port):
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "512")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    exporter = Otlp(closed_port, {})
    monkeypatch.setattr(exporter._processor, "on_end", lambda span: None)
    trace = exporter.begin({}, 1)
    one = Span(
        name="x", trace=trace, span_id=1, parent_id=None, is_server=True, begins=1, ends=2, error=None, attributes={}
    )
    for _ in range(300):
        exporter.send([one, one])
    assert exporter.ends.dropped == 600 - 512
    await exporter.close()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"otel_endpoint": "collector:4318"}, "otel_endpoint: expected an address such as http://collector:4318, got"),
        ({"otel_headers": "nonsense"}, "otel_headers: expected name=value pairs with commas between"),
        ({"otel_headers": "a=b\nc: d"}, "otel_headers: expected name=value pairs"),
        ({"otel_endpoint": "http://collector:4318", "otel_headers": "authorization=Bearer%20x, x-team=a"}, None),
        ({}, None),
    ],
)
def test_settings_that_cannot_be_used_are_said_in_a_sentence(settings, said):
    found = objection(Settings(**settings))
    assert found is None if said is None else found.startswith(said)


def test_without_the_extra_it_is_said_what_to_install(monkeypatch, caplog):
    monkeypatch.setattr("gateway.telemetry.tracing.find_spec", lambda name: None)
    asked = Settings(otel_endpoint="http://collector:4318")
    assert objection(asked).endswith("pip install 'beamsplitter[otel]'")
    assert traces_for(Settings(), {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}) is None
    assert "pip install 'beamsplitter[otel]'" in caplog.text
    assert traces_for(Settings(), {}) is None


async def test_the_standard_variables_work(tmp_path, collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.base)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=not-real-token")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "pictures")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
    async with open_gateway(tmp_path) as gateway:
        await gateway.paint(sandbox())
    assert collector.heads[0]["authorization"] == "not-real-token"
    resource = collector.spans[0].resource
    assert (resource["service.name"], resource["deployment.environment"]) == ("pictures", "test")


@pytest.mark.parametrize("variable", [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")])
def test_the_standard_variables_switch_it_off(variable):
    environ = dict([("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"), variable])
    assert traces_for(Settings(), environ) is None


async def test_a_sampler_of_the_variables_counts(tmp_path, collector, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    spans, _ = await painted(tmp_path, collector, sandbox())
    assert spans == []
