"""Spans on their way to a collector, over OTLP/HTTP, by OpenTelemetry's own SDK: the extra `otel`."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.seldom import SELDOM
from gateway.telemetry.traces import Ends, Span, Trace

_log = logging.getLogger("gateway.telemetry")

_SIGNAL_PATH = "/v1/traces"
_MOST_WAITING = 2048
_LAST_SECONDS = 2.0
"""For sending what is left when the gateway stops; a collector that is away is not waited for."""
_SCOPE = InstrumentationScope("beamsplitter")
_PROPAGATOR = TraceContextTextMapPropagator()


class Otlp:
    """Sends spans from a thread of its own; where they come faster than they go, the newest are dropped."""

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        """Send to a collector's base address; where it is empty, the standard OTEL_ variables say where."""
        self.ends = Ends()
        resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME") or "beamsplitter"})
        # Its sampler, too, is as the OTEL_ variables say: the caller's word counts, else all are sampled.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        # Its exporter tells of each try that fails; once in a while is often enough, and said below.
        logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
        whole = endpoint.rstrip("/").removesuffix(_SIGNAL_PATH) + _SIGNAL_PATH if endpoint else None
        exporter = OTLPSpanExporter(endpoint=whole, headers=dict(headers) or None)
        self._exporter = _Counted(exporter, self.ends)
        self._most = _whole(os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE"), _MOST_WAITING)
        self._processor = BatchSpanProcessor(self._exporter, max_queue_size=self._most)

    def begin(self, headers: Mapping[str, str], trace_id: int) -> Trace:
        """Return the trace of a request."""
        context = _PROPAGATOR.extract(headers, Context())
        parent = api.get_current_span(context).get_span_context()
        if parent.is_valid:
            trace_id = parent.trace_id
        word = self._provider.sampler.should_sample(
            context, trace_id, "request", api.SpanKind.SERVER, trace_state=parent.trace_state
        )
        return Trace(
            trace_id=trace_id,
            span_id=self._provider.id_generator.generate_span_id(),
            parent_id=parent.span_id if parent.is_valid else None,
            sampled=word.decision is Decision.RECORD_AND_SAMPLE,
            state="" if word.trace_state is None else word.trace_state.to_header(),
        )

    def send(self, spans: list[Span]) -> None:
        """Hand spans over to the thread."""
        room = self._most - self._exporter.waiting
        for span in spans[: max(room, 0)]:
            self._exporter.handed += 1
            self._processor.on_end(self._readable(span))
        self.ends.dropped += max(len(spans) - max(room, 0), 0)

    async def close(self) -> None:
        """Send what is left; what a collector does not take in time is dropped."""
        thread = threading.Thread(target=self._processor.shutdown, name="last-spans", daemon=True)
        thread.start()
        until = time.monotonic() + _LAST_SECONDS
        while thread.is_alive() and time.monotonic() < until:  # noqa: ASYNC110 - the end of a thread is no event
            await asyncio.sleep(0.02)
        self._exporter.shutdown()  # ends the pauses between its tries

    def _readable(self, span: Span) -> ReadableSpan:
        trace = span.trace
        parent = None if span.parent_id is None else _context(trace, span.parent_id, remote=span.is_server)
        return ReadableSpan(
            span.name,
            context=_context(trace, span.span_id, remote=False),
            parent=parent,
            resource=self._provider.resource,
            attributes=span.attributes,
            kind=api.SpanKind.SERVER if span.is_server else api.SpanKind.CLIENT,
            status=api.Status(api.StatusCode.UNSET if span.error is None else api.StatusCode.ERROR, span.error),
            start_time=span.begins,
            end_time=span.ends,
            instrumentation_scope=_SCOPE,
        )


class _Counted(SpanExporter):
    """Counts what goes through, as nobody else tells of it."""

    def __init__(self, inner: OTLPSpanExporter, ends: Ends) -> None:
        self.inner = inner
        self._ends = ends
        self.handed = self._taken = 0

    @property
    def waiting(self) -> int:
        return self.handed - self._taken

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._taken += len(spans)
        try:
            result = self.inner.export(spans)
        except Exception as error:  # noqa: BLE001 - the thread has to go on, whatever a collector does
            result = SpanExportResult.FAILURE
            _log.warning("traces cannot be sent: %s", type(error).__name__, extra=SELDOM)
        else:
            if result is not SpanExportResult.SUCCESS:
                _log.warning("the collector does not take traces; what it missed is dropped", extra=SELDOM)
        if result is SpanExportResult.SUCCESS:
            self._ends.sent += len(spans)
        else:
            self._ends.dropped += len(spans)
        return result

    def shutdown(self) -> None:
        self.inner.shutdown()  # type: ignore[no-untyped-call]


def _context(trace: Trace, span_id: int, *, remote: bool) -> api.SpanContext:
    flags = api.TraceFlags(api.TraceFlags.SAMPLED if trace.sampled else api.TraceFlags.DEFAULT)
    state = api.TraceState.from_header([trace.state]) if trace.state else None
    return api.SpanContext(trace.trace_id, span_id, remote, flags, state)


def _whole(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdecimal() and int(text) else default
