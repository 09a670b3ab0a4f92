"""What operators watch: metrics for Prometheus, traces for OpenTelemetry, the log as JSON."""

from gateway.telemetry.current import TRACE_ID
from gateway.telemetry.families import FAMILIES
from gateway.telemetry.logs import EVENTS, FIELDS, JsonLines, write_logs_as
from gateway.telemetry.telemetry import Telemetry
from gateway.telemetry.tracing import objection

__all__ = [
    "EVENTS",
    "FAMILIES",
    "FIELDS",
    "TRACE_ID",
    "JsonLines",
    "Telemetry",
    "objection",
    "write_logs_as",
]
