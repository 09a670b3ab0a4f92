"""The story of a request, told in response headers and in the rows of an error's `attempts`."""

from dataclasses import replace
from typing import Any

from gateway.compile import Route
from gateway.wire import Outcome
from strategies import Failure, Journey, Success

_LONGEST_VALUE = 4096
_HARMLESS = bytes(byte if 0x20 <= byte < 0x7F else ord(" ") for byte in range(256))  # noqa: PLR2004 - ASCII's own


def headers(
    outcome: Outcome, journey: Journey, route: Route, trace_id: str, seconds: float
) -> list[tuple[bytes, bytes]]:
    """Return the headers that say which target answered, after how much, and what it may have cost."""
    upstream = sum(attempt.ended - attempt.started for attempt in journey.attempts if attempt.ended is not None)
    last = _told_of(outcome, journey) or route.spec.root.path
    target = route.targets.get(last)
    lines = [
        (b"x-portkey-trace-id", trace_id.encode("latin-1")),
        (b"x-portkey-last-used-option-index", last.encode()),
        (b"x-portkey-retry-attempt-count", b"%d" % journey.retries),
        (b"x-portkey-cache-status", b"DISABLED"),
        (b"x-gateway-attempts", b"%d" % len(journey.attempts)),
        (b"x-gateway-maybe-billed", b"%d" % journey.maybe_billed),
        (b"x-gateway-config-version", route.spec.version.encode()),
        (
            b"server-timing",
            b"gateway;dur=%.2f, queue;dur=0, upstream;dur=%.2f"
            % (max(seconds - upstream, 0.0) * 1000, upstream * 1000),
        ),
    ]
    if target is not None:
        lines.append((b"x-portkey-provider", target.provider.encode()))
    if isinstance(outcome, Success):
        reply = outcome.reply
        if reply.model:
            lines.append((b"x-gateway-model", _ascii(reply.model)))
        lines.append((b"x-gateway-cost-usd", b"null" if reply.cost_usd is None else b"%.6f" % reply.cost_usd))
        if reply.adaptations:
            lines.append((b"x-gateway-adaptations", _ascii("; ".join(map(str, reply.adaptations)))))
    return lines


def _told_of(outcome: Outcome, journey: Journey) -> str | None:
    """Return the target whose outcome is told: not always the last one that was tried."""
    for attempt in reversed(journey.attempts):
        if isinstance(outcome, Success) or _is_told(outcome, attempt.outcome):
            return attempt.target
    return journey.attempts[-1].target if journey.attempts else None


def _is_told(told: Failure, outcome: Outcome | None) -> bool:
    """Whether a failure is that of an attempt, apart from whether anything may follow it."""
    return isinstance(outcome, Failure) and replace(outcome, terminal=told.terminal) == told


def rows(journey: Journey, route: Route) -> list[dict[str, Any]]:
    """Return one row for each attempt, without anything secret."""
    told = []
    for attempt in journey.attempts:
        target = route.targets[attempt.target]
        outcome = attempt.outcome
        failed = outcome if isinstance(outcome, Failure) else None
        told.append(
            {
                "target": target.name or target.path,
                "provider": target.provider,
                "status": None if failed is None else failed.status,
                "cause": None if failed is None else failed.cause.value,
                "ms": None if attempt.ended is None else round((attempt.ended - attempt.started) * 1000),
            }
        )
    return told


def brief(journey: Journey, route: Route) -> str:
    """Return the same in a few words, for a line of the log."""
    words = []
    for attempt in journey.attempts:
        target = route.targets[attempt.target]
        match attempt.outcome:
            case Failure(cause=cause, status=status):
                word = cause.value if status is None else f"{cause.value}({status})"
            case outcome:
                word = "unfinished" if outcome is None else "answered"
        words.append(f"{target.name or target.path}:{word}")
    # Inline configs are the caller's own words: none may begin a line of its own.
    config = _ascii(route.spec.id or "inline").decode()
    tried = _ascii(",".join(words) or "none").decode()
    return f"config={config} attempts={tried} maybe_billed={journey.maybe_billed}"


def _ascii(text: str) -> bytes:
    # Models are the caller's own words: a control character, or a space at an end, would break the answer's head.
    return text[:_LONGEST_VALUE].encode("ascii", "replace").translate(_HARMLESS).strip()
