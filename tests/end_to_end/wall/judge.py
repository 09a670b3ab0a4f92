"""Holds what happened against what a scenario allows.

A fault that reaches the caller, the provider or the bill is a fail; one that only shows in what is told is a partial.
"""

import json
from dataclasses import dataclass, field

from tests.end_to_end.wall.pictures import events_in, painter_in_event, painters_in

PASS, PARTIAL, FAIL = "pass", "partial", "fail"


@dataclass(frozen=True)
class Row:
    """What one request of a scenario came to."""

    name: str
    got: str
    attempts: str
    billed: int
    allowance: int


@dataclass
class Result:
    """What one scenario came to."""

    name: str
    rows: list[Row] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    blemishes: list[str] = field(default_factory=list)

    @property
    def verdict(self):
        return FAIL if self.failures else PARTIAL if self.blemishes else PASS

    def must(self, true, what):
        """Note a fault that counts as a fail."""
        if not true:
            self.failures.append(what)

    def should(self, true, what):
        """Note a fault that counts as a blemish."""
        if not true:
            self.blemishes.append(what)


def look(result, leg, tenant, got, attempts):
    """Judge one request by its answer and by the attempts that the provider saw of it."""
    told = f"{leg.name}: "
    wanted = leg.gets
    _caller(result, told, wanted, tenant, got)
    _headers(result, told, wanted, got)
    _provider(result, told, leg, attempts)
    billed = sum(attempt.billed for attempt in attempts)
    result.must(billed <= leg.bills, f"{told}{billed} billed, {leg.bills} allowed")
    owned_up = _number(got, "x-gateway-maybe-billed") + (got.status == 200)
    result.must(billed <= owned_up, f"{told}{billed} billed, but {owned_up} told")
    seen = " + ".join(str(_count(attempts, aim.name)) for aim in leg.aims)
    result.rows.append(Row(leg.name, _said(wanted, tenant, got), seen, billed, leg.bills))


def painted_by(wanted, tenant, got):
    """Whether an answer has whole pictures, every one for this tenant and by the target that must have painted it."""
    painters = painters_in(got.body)
    return bool(painters) and all(
        painter is not None and (painter.tenant, painter.target) == (tenant, wanted.by) for painter in painters
    )


def _caller(result, told, wanted, tenant, got):
    result.must(got.whole, f"{told}the answer came to no end, or not to its own ({len(got.body)} bytes)")
    result.must(got.status == wanted.status, f"{told}status {got.status}, not {wanted.status}: {got.body[:300]!r}")
    result.must(got.code == wanted.code, f"{told}code {got.code}, not {wanted.code}")
    if wanted.events:
        _events(result, told, wanted, tenant, got)
    elif wanted.by:
        result.must(painted_by(wanted, tenant, got), f"{told}not the whole picture of the {wanted.by}")
    if wanted.usage is not None:
        result.should(b'"usage":' in got.body and json.loads(got.body)["usage"] == wanted.usage, f"{told}another usage")
    if wanted.code:
        result.should(
            got.error is not None and got.error.get("provider_code") == wanted.provider_code, f"{told}{got.error}"
        )
        rows = (got.error or {}).get("attempts", [])
        result.should(len(rows) == wanted.attempts, f"{told}{len(rows)} attempts told of {wanted.attempts}")
    least, most = wanted.seconds
    result.should(least <= got.seconds <= most, f"{told}after {got.seconds:.2f} s, not within {least} to {most}")


def _events(result, told, wanted, tenant, got):
    events = events_in(got.body)
    kinds = tuple(event and event["type"] for event in events)
    result.must(kinds == wanted.events, f"{told}events {kinds}")
    painters = [painter_in_event(event) for event in events if event and event["type"] != "error"]
    codes = [event["error"]["code"] for event in events if event and event["type"] == "error"]
    result.must(set(codes) <= {"upstream_incomplete"}, f"{told}events end in {codes}")
    whole = all(painter and (painter.tenant, painter.target) == (tenant, wanted.by) for painter in painters)
    result.must(whole, f"{told}events with other pictures than the {wanted.by}'s")


def _headers(result, told, wanted, got):
    headers = {
        "x-gateway-attempts": str(wanted.attempts),
        "x-gateway-maybe-billed": str(wanted.maybe_billed),
        "x-should-retry": "false" if wanted.final else None,
        **wanted.headers,
    }
    for name, value in headers.items():
        result.should(got.headers.get(name) == value, f"{told}{name} is {got.headers.get(name)}, not {value}")
    pause = got.headers.get("retry-after")
    if wanted.retry_after is None:
        result.should(pause is None, f"{told}Retry-After {pause}")
    else:
        least, most = wanted.retry_after
        fits = pause is not None and pause.isdigit() and least <= int(pause) <= most
        result.should(fits, f"{told}Retry-After {pause}, not within {least} to {most}")


def _provider(result, told, leg, attempts):
    for target in ("first", "second", "third"):
        seen, allowed = _count(attempts, target), leg.sees.get(target, 0)
        result.must(seen <= allowed, f"{told}{seen} attempts at the {target}, {allowed} allowed")
        result.should(seen >= allowed, f"{told}{seen} attempts at the {target}, not {allowed}")
    if leg.pause is not None and len(attempts) > 1:
        gap = (attempts[1].at_ms - attempts[0].at_ms) / 1000
        result.must(gap >= leg.pause, f"{told}asked again after {gap:.2f} s, not {leg.pause}")


def _count(attempts, target):
    return sum(attempt.painter.target == target for attempt in attempts)


def _number(got, name):
    value = got.headers.get(name, "")
    return int(value) if value.isdigit() else 0


def _said(wanted, tenant, got):
    """Return in words what the caller got."""
    if got.status is None or not got.whole:
        return "no whole answer"
    if wanted.events:
        kinds = [event["type"].rpartition(".")[2] if event else "half an event" for event in events_in(got.body)]
        return f"{got.status}: {', '.join(kinds)}"
    if got.code is not None:
        return f"{got.status} `{got.code}`"
    painters = painters_in(got.body)
    if painters and all(painter and painter.tenant == tenant for painter in painters):
        return f"{got.status}, painted by the {painters[0].target}"
    return f"{got.status}, no whole picture of its own"
