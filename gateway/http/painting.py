"""One request, admitted, on its way through the tree of its route: its answer, its record, its line in the log."""

import logging
import time
from dataclasses import dataclass

from gateway.compile import Route
from gateway.http import reply, told
from gateway.http.idempotency import REPLAYED
from gateway.http.keyed import is_final
from gateway.http.record import Record, Records
from gateway.images import ImageRequest
from gateway.store.request_row import RequestRow
from gateway.wire import Outcome
from strategies import Context, Failure, Journey, Success

_log = logging.getLogger("gateway.http")


@dataclass(slots=True, eq=False)
class Painting:
    """One request, admitted and on its way through the tree of its route."""

    request: ImageRequest
    route: Route
    context: Context
    record: Record
    started: float
    queued: float
    records: Records

    @property
    def sent(self) -> bool:
        """Whether anything has been sent to a provider by now."""
        return any(attempt.sent for attempt in self.context.journey.attempts)

    async def __call__(self) -> tuple[reply.Answer, bool]:
        """Return the answer, and whether it is one to be kept for whoever repeats the request."""
        request, route, journey, trace_id = self.request, self.route, self.context.journey, self.record.trace_id
        under_way = self.records.under_way
        under_way[self.record.id] = self
        try:
            outcome = await route.tree(request, self.context)
        finally:
            del under_way[self.record.id]
        out: reply.Headers
        content: reply.Content
        if isinstance(outcome, Success):
            status = 200
            out, content = reply.success(outcome.reply, request)
            if _log.isEnabledFor(logging.DEBUG):
                event = {"event": "request_answered", "trace_id": trace_id}
                _log.debug("answered: %s trace=%s", told.brief(journey, route), trace_id, extra=event)
        else:
            status, out, content = reply.failure(outcome, journey, told.rows(journey, route))
            _log_failure(status, outcome, journey, route, trace_id, self.started)
        story = told.story(outcome, journey, route)
        seconds = time.perf_counter() - self.started
        out.extend(told.headers(outcome, journey, route, trace_id, seconds, self.queued, story=story))
        self.keep(outcome, status, story)
        return (status, out, content), is_final(outcome, journey)

    def once(self, answer: reply.Answer) -> reply.Answer:
        """Return the answer of the one run under a key, as this request's own; what another made has its record too."""
        status, out, content = answer
        if REPLAYED in out:
            self.records.keep(self.record.replayed(self.request, self.route, status, self.queued))
        return status, told.traced(out, self.record.trace_id), content

    def so_far(self) -> RequestRow:
        """Return the record of the request as it stands, with a status of 0."""
        journey, route = self.context.journey, self.route
        return self.record.answered(
            self.request, route, journey, None, 0, self.queued, told.story(None, journey, route)
        )

    def keep(self, outcome: Outcome, status: int, story: told.Story) -> None:
        """Keep the record of the request, before anybody is answered."""
        journey, queued = self.context.journey, self.queued
        row = self.record.answered(self.request, self.route, journey, outcome, status, queued, story)
        self.records.keep(row, journey, self.route, self.started)


def _log_failure(status: int, failed: Failure, journey: Journey, route: Route, trace_id: str, started: float) -> None:
    """Write the one line that an operator finds by the trace id: no prompt, and no word of the provider's."""
    milliseconds = round((time.perf_counter() - started) * 1000)
    brief = told.brief(journey, route)
    _log.warning(
        "failed: %d %s %s ms=%d trace=%s",
        status,
        failed.cause.value,
        brief,
        milliseconds,
        trace_id,
        extra={
            "event": "request_failed",
            "status": status,
            "cause": failed.cause.value,
            "config": route.spec.id,
            "attempts": told.rows(journey, route),
            "maybe_billed": journey.maybe_billed,
            "ms": milliseconds,
            "trace_id": trace_id,
        },
    )
