"""Which request is being worked on: known wherever its work goes on, so that a line of the log can say it."""

from contextvars import ContextVar

TRACE_ID: ContextVar[str | None] = ContextVar("trace_id", default=None)
"""The trace id of the request that this task works for."""
