"""A collector that takes traces over OTLP/HTTP, and holds them decoded."""

import gzip
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.own_thread import OwnThread


@dataclass
class Span:
    """One span, as it came over the wire."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    trace_state: str
    begins: int
    ends: int
    error: str | None
    attributes: dict
    resource: dict


@dataclass
class Collector(OwnThread):
    """Answers with `status`; runs in a thread of its own."""

    status: int = 200
    spans: list[Span] = field(default_factory=list)
    heads: list[dict] = field(default_factory=list)

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}"

    async def _one(self, reader, writer):
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        head = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(head["content-length"]))
        assert first == "POST /v1/traces HTTP/1.1"
        assert head["content-type"] == "application/x-protobuf"
        self.heads.append(head)
        if self.status == 200:
            self._take(gzip.decompress(body) if head.get("content-encoding") == "gzip" else body)
        writer.write(b"HTTP/1.1 %d Told\r\ncontent-length: 0\r\n\r\n" % self.status)
        await writer.drain()
        return True

    def _take(self, body):
        for each in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in each.scope_spans:
                self.spans += [_span(span, _values(each.resource.attributes)) for span in scope.spans]


def _span(span, resource):
    return Span(
        name=span.name,
        kind=span.kind,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        trace_state=span.trace_state,
        begins=span.start_time_unix_nano,
        ends=span.end_time_unix_nano,
        error=span.status.message if span.status.code == 2 else None,
        attributes=_values(span.attributes),
        resource=resource,
    )


def _values(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
