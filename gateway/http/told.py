"""The story of a request, told in response headers and in the rows of an error's `attempts`."""

from dataclasses import replace
from typing import Any

from gateway.compile import Route
from gateway.config.spec import TargetSpec
from gateway.wire import Outcome
from strategies import Failure, Journey, Success, value

_LONGEST_VALUE = 4096
_LONGEST_MESSAGE = 300
UNFINISHED = "unfinished"
"""In the place of a cause: the attempt was given up, as another one was first or the caller left."""
_HARMLESS = bytes(byte if 0x20 <= byte < 0x7F else ord(" ") for byte in range(256))  # noqa: PLR2004 - ASCII's own


@value()
class Story:
    """What became of a request, as headers and records tell it."""

    where: str
    """The path of the target whose outcome it is, or of the root where none was tried."""
    target: TargetSpec | None
    upstream: float
    """Seconds spent on providers."""


def story(outcome: Outcome | None, journey: Journey, route: Route) -> Story:
    """Return what became of a request; of one without an outcome, what it is at."""
    upstream = 0.0
    for attempt in journey.attempts:
        if attempt.ended is not None:
            upstream += attempt.ended - attempt.started
    where = _told_of(outcome, journey) or route.spec.root.path
    return Story(where, route.targets.get(where), upstream)


def headers(
    outcome: Outcome,
    journey: Journey,
    route: Route,
    trace_id: str,
    seconds: float,
    queued: float = 0.0,
    *,
    story: Story,
) -> list[tuple[bytes, bytes]]:
    """Return the headers that say which target answered, after how much, and what it may have cost."""
    target, upstream = story.target, story.upstream
    lines = [
        (b"x-portkey-trace-id", trace_id.encode("latin-1")),
        (b"x-portkey-last-used-option-index", story.where.encode()),
        (b"x-portkey-retry-attempt-count", b"%d" % journey.retries),
        (b"x-portkey-cache-status", cache_status(outcome, target)),
        (b"x-gateway-attempts", b"%d" % len(journey.attempts)),
        (b"x-gateway-maybe-billed", b"%d" % journey.maybe_billed),
        (b"x-gateway-config-version", route.spec.version.encode()),
        (
            b"server-timing",
            b"gateway;dur=%.2f, queue;dur=%.4g, upstream;dur=%.2f"
            % (max(seconds - upstream, 0.0) * 1000, queued * 1000, upstream * 1000),
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


def traced(lines: list[tuple[bytes, bytes]], trace_id: str) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer that another request got first, with this one's trace id."""
    name = b"x-portkey-trace-id"
    return [*(line for line in lines if line[0] != name), (name, trace_id.encode("latin-1"))]


def _told_of(outcome: Outcome | None, journey: Journey) -> str | None:
    """Return the target whose outcome is told: not always the last one that was tried."""
    if isinstance(outcome, Success) and outcome.reply.kept_by is not None:
        return outcome.reply.kept_by
    for attempt in reversed(journey.attempts):
        if attempt.outcome is outcome or (isinstance(outcome, Failure) and _is_told(outcome, attempt.outcome)):
            return attempt.target
    return journey.attempts[-1].target if journey.attempts else None


def cache_status(outcome: Outcome, target: TargetSpec | None) -> bytes:
    """Return what the cache had to do with an outcome, as `x-portkey-cache-status` says it."""
    if isinstance(outcome, Success):
        return outcome.reply.cache.encode()
    return b"DISABLED" if target is None or target.cache is None else b"MISS"  # what is kept never fails


def _is_told(told: Failure, outcome: Outcome | None) -> bool:
    """Whether a failure is that of an attempt, apart from whether anything may follow it."""
    return isinstance(outcome, Failure) and replace(outcome, terminal=told.terminal) == told


def rows(journey: Journey, route: Route) -> list[dict[str, Any]]:
    """Return one row for each attempt, without anything secret."""
    told = []
    began = journey.attempts[0].started if journey.attempts else 0.0
    for attempt in journey.attempts:
        target = route.targets[attempt.target]
        outcome = attempt.outcome
        failed = outcome if isinstance(outcome, Failure) else None
        told.append(
            {
                "target": target.name or target.path,
                "path": target.path,
                "provider": target.provider,
                "status": None if failed is None else failed.status,
                "cause": UNFINISHED if outcome is None else None if failed is None else failed.cause.value,
                "message": None if failed is None else failed.message[:_LONGEST_MESSAGE],
                "at_ms": round((attempt.started - began) * 1000),
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
    left_alone = [f"{route.targets[path].name or path}:{why.cause.value}" for path, why in journey.passed_over.items()]
    more = f" passed_over={_ascii(','.join(left_alone)).decode()}" if left_alone else ""
    return f"config={config} attempts={tried} maybe_billed={journey.maybe_billed}{more}"


def _ascii(text: str) -> bytes:
    # Models are the caller's own words: a control character, or a space at an end, would break the answer's head.
    return text[:_LONGEST_VALUE].encode("ascii", "replace").translate(_HARMLESS).strip()
