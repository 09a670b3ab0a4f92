"""Whether there are traces, as the settings and the standard OTEL_ variables say."""

import logging
import os
from collections.abc import Mapping
from importlib.util import find_spec

from gateway.settings import Settings
from gateway.telemetry.traces import Traces

_log = logging.getLogger("gateway.telemetry")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_NEEDS = "it needs OpenTelemetry, which is not installed: pip install 'beamsplitter[otel]'"


def objection(settings: Settings) -> str | None:
    """Return why the settings for traces cannot be used, `None` where they can."""
    endpoint = settings.otel_endpoint
    if endpoint and not endpoint.startswith(("https://", "http://")):
        return f"otel_endpoint: expected an address such as http://collector:4318, got {endpoint!r}."
    try:
        headers_of(settings.otel_headers)
    except ValueError as wrong:
        return f"otel_headers: {wrong}"
    return f"otel_endpoint: {_NEEDS}" if endpoint and not _is_installed() else None


def traces_for(settings: Settings, environ: Mapping[str, str] = os.environ) -> Traces | None:
    """Return what makes traces, `None` where nobody asked for any."""
    if not settings.otel_endpoint and not _asked_for(environ):
        return None
    wrong = objection(settings) or (None if _is_installed() else f"no traces are sent: {_NEEDS}")
    if wrong is not None:
        _log.error("%s", wrong)
        return None
    from gateway.telemetry.otlp import Otlp  # noqa: PLC0415 - it is an extra, for those who want it

    return Traces(Otlp(settings.otel_endpoint, headers_of(settings.otel_headers)))


def headers_of(text: str) -> dict[str, str]:
    """Return headers written as `name=value,name=value`; raises `ValueError` for what is not."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or not part.isprintable() or not part.isascii():
            raise ValueError("expected name=value pairs with commas between, such as authorization=Bearer%20…")
        found[name.strip().lower()] = value.strip().replace("%20", " ")
    return found


def _asked_for(environ: Mapping[str, str]) -> bool:
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return any(environ.get(name) for name in _ENDPOINTS)


def _is_installed() -> bool:
    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.exporter") is not None
