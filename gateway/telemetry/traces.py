"""Traces: one span for each request, one for each attempt, in the trace that the caller began.

Nothing is done for them while a request runs but to remember what its caller said. Spans are made when it is answered,
from the attempts in its journey; the id of an attempt's span follows from its number, so that a provider can be told it
before the span is there.
"""

import hashlib
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.compile import Route
from gateway.ledger import MICROS
from gateway.store.request_row import RequestRow
from strategies import Failure, Journey, Success, Try

_NS = 1_000_000_000
_NS_OF_MS = 1_000_000
_SERVER_ERROR = 500
_ROUTES = {"generate": "generations", "edit": "edits", "vary": "variations"}


@dataclass(slots=True)
class Ends:
    """What became of spans."""

    sent: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace of one request, and the place of its span in it."""

    trace_id: int
    span_id: int
    parent_id: int | None
    sampled: bool
    state: str
    """The caller's `tracestate`, as it is passed on."""

    def span_of(self, number: int) -> int:
        """Return the id of the span of an attempt, by its number from 0."""
        seed = b"%032x%016x%d" % (self.trace_id, self.span_id, number)
        return int.from_bytes(hashlib.blake2b(seed, digest_size=8).digest()) or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What is told of one request, or of one attempt."""

    name: str
    trace: Trace
    span_id: int
    parent_id: int | None
    is_server: bool
    begins: int
    ends: int
    """Both in nanoseconds since 1970."""
    error: str | None
    """Why it failed: a cause, never anybody's words."""
    attributes: Mapping[str, str | int | float | bool]


class Exporter(Protocol):
    """What takes spans away; never waits, never fails."""

    ends: Ends

    def begin(self, headers: Mapping[str, str], trace_id: int) -> Trace:
        """Return the trace of a request: its caller's, or one of this id, as far as it is to be sampled."""
        ...

    def send(self, spans: list[Span]) -> None:
        """Take them, or count them as dropped."""
        ...

    async def close(self) -> None:
        """Send what is left, for as long as that may take."""
        ...


class Traces:
    """What requests and attempts have to do with tracing, where it is on."""

    def __init__(self, exporter: Exporter) -> None:
        """Hand spans to the exporter."""
        self.exporter = exporter

    def begin(self, id_: str, headers: Mapping[str, str]) -> None:
        """Begin the span of a request, which has an id of our own."""
        _CURRENT.set(self.exporter.begin(headers, int(id_, 16)))

    def headers_of(self, journey: Journey, attempt: Try) -> Mapping[str, str]:
        """Return what tells a provider which span its request belongs to."""
        trace = _CURRENT.get()
        if trace is None:
            return {}
        number = next((at for at, each in enumerate(journey.attempts) if each is attempt), 0)
        flags = "01" if trace.sampled else "00"
        found = {"traceparent": f"00-{trace.trace_id:032x}-{trace.span_of(number):016x}-{flags}"}
        return {**found, "tracestate": trace.state} if trace.state else found

    def end(self, row: RequestRow, journey: Journey | None, route: Route | None) -> None:
        """End the span of a request that is answered, and tell of it."""
        trace = _CURRENT.get()
        if trace is None or not trace.sampled:
            return
        now = time.time_ns()
        begins = min(row.created_ms * _NS_OF_MS, now)
        spans = [_request(row, trace, begins, now)]
        if journey is not None and route is not None:
            at = journey.loop.time()
            spans += [
                _attempt(row, route, trace, number, attempt, _Clock(begins, now, at))
                for number, attempt in enumerate(journey.attempts)
            ]
        self.exporter.send(spans)


_CURRENT: ContextVar[Trace | None] = ContextVar("trace", default=None)


@dataclass(frozen=True, slots=True)
class _Clock:
    """The loop's clock in nanoseconds since 1970, within the time of one request."""

    begins: int
    now: int
    at: float

    def ns(self, seconds: float) -> int:
        # The loop's clock may go by milliseconds, and a wall clock may be put right meanwhile.
        return min(max(self.now - int((self.at - seconds) * _NS), self.begins), self.now)


def _request(row: RequestRow, trace: Trace, begins: int, now: int) -> Span:
    path = f"/v1/images/{_ROUTES.get(row.operation, 'generations')}"
    cost = None if row.cost_micros is None else row.cost_micros / MICROS
    failed = row.status >= _SERVER_ERROR
    return Span(
        name=f"POST {path}",
        trace=trace,
        span_id=trace.span_id,
        parent_id=trace.parent_id,
        is_server=True,
        begins=begins,
        ends=now,
        error=(row.cause or "error") if failed else None,
        attributes=_given(
            {
                "http.request.method": "POST",
                "http.route": path,
                "http.response.status_code": row.status,
                "error.type": row.cause or row.code,
                "gen_ai.operation.name": row.operation,
                "gen_ai.output.type": "image",
                "gen_ai.provider.name": row.provider,
                "gen_ai.request.model": row.asked_model,
                "gen_ai.response.model": row.model,
                "beamsplitter.trace_id": row.trace_id,
                "beamsplitter.config": row.config,
                "beamsplitter.config_version": row.config_version,
                "beamsplitter.target": row.target,
                "beamsplitter.attempts": row.attempts,
                "beamsplitter.maybe_billed": row.maybe_billed,
                "beamsplitter.rescued": bool(row.rescued),
                "beamsplitter.cache": row.cache,
                "beamsplitter.images": row.images,
                "beamsplitter.queued_ms": row.queued_ms,
                "beamsplitter.cost_usd": cost,
            }
        ),
    )


def _attempt(row: RequestRow, route: Route, trace: Trace, number: int, attempt: Try, clock: _Clock) -> Span:
    target, outcome = route.targets[attempt.target], attempt.outcome
    failure = outcome if isinstance(outcome, Failure) else None
    reply = outcome.reply if isinstance(outcome, Success) else None
    asked = target.shaping.override_params.get("model") or row.asked_model
    cancelled = outcome is None
    cause = "cancelled" if cancelled else None if failure is None else failure.cause.value
    return Span(
        name=f"{row.operation} {target.provider}",
        trace=trace,
        span_id=trace.span_of(number),
        parent_id=trace.span_id,
        is_server=False,
        begins=clock.ns(attempt.started),
        ends=clock.now if attempt.ended is None else clock.ns(attempt.ended),
        error=cause,
        attributes=_given(
            {
                "error.type": cause,
                "http.response.status_code": None if failure is None else failure.status,
                "gen_ai.operation.name": row.operation,
                "gen_ai.output.type": "image",
                "gen_ai.provider.name": target.provider,
                "gen_ai.request.model": asked if isinstance(asked, str) else None,
                "gen_ai.response.model": None if reply is None else reply.model,
                "beamsplitter.attempt": number + 1,
                "beamsplitter.target": target.name or target.path,
                "beamsplitter.sent": attempt.sent,
                "beamsplitter.maybe_billed": attempt.sent if cancelled else failure is not None and failure.billable,
                "beamsplitter.cost_usd": None if reply is None else reply.cost_usd,
            }
        ),
    )


def _given(attributes: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    return {name: value for name, value in attributes.items() if value is not None}
