"""Limits as people write them: what a key, a user or a provider may spend, and how often it may ask."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

Reset = Literal["weekly", "monthly"]
Kind = Literal["requests", "images"]

Fault = tuple[tuple[str | int, ...], str]
"""Where something is wrong, and what."""

MICROS = 1_000_000
"""Money is counted in millionths of a dollar: whole numbers add up the same in every store."""

UNITS = {"rpm": 60, "rph": 3600, "rpd": 86_400}
"""Unit → seconds."""

_DAY = 86_400
_MOST_USD = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLimit:
    """What may be spent in a while: money, pictures, or both."""

    credit_micros: int | None = None
    images: int | None = None
    reset: Reset | None = None
    """`None`: what is spent stays spent."""
    alert_micros: int | None = None
    """Somebody is told when this much is spent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How many requests or pictures there may be in any stretch of so many seconds."""

    kind: Kind
    unit: str
    most: int

    @property
    def seconds(self) -> int:
        """The stretch."""
        return UNITS[self.unit]


@dataclass(frozen=True, slots=True)
class Window:
    """The while that a usage limit counts by: its name, and when the next one begins."""

    name: str
    ends: float | None
    """Seconds since the epoch; `None`: never."""


def window_at(reset: Reset | None, now: float) -> Window:
    """Return the window of a moment, given in seconds since the epoch: weeks begin on Monday, both at 0:00 UTC."""
    return _window_on(reset, int(now // _DAY))


@functools.lru_cache(maxsize=8)
def _window_on(reset: Reset | None, day: int) -> Window:
    if reset is None:
        return Window("all", None)
    today = datetime.fromtimestamp(day * _DAY, UTC)
    if reset == "weekly":
        monday = today - timedelta(days=today.weekday())
        return Window(f"week {monday:%Y-%m-%d}", (monday + timedelta(days=7)).timestamp())
    first = today.replace(day=1)
    return Window(f"month {first:%Y-%m}", (first + timedelta(days=32)).replace(day=1).timestamp())


def read_usage(written: Any) -> UsageLimit | list[Fault] | None:  # noqa: ANN401 - any JSON value
    """Return what `usage_limits` says, or each fault with where it is, below `usage_limits`."""
    if written is None or written == {}:
        return None
    if not isinstance(written, Mapping):
        return [((), "`usage_limits` is an object, such as {credit_limit: 50, periodic_reset: monthly}.")]
    faults = list(_faults_of_usage(written))
    if faults:
        return faults
    limit, alert = written.get("credit_limit"), written.get("alert_threshold")
    return UsageLimit(
        credit_micros=None if limit is None else round(limit * MICROS),
        images=written.get("image_limit"),
        reset=written.get("periodic_reset"),
        alert_micros=None if alert is None else round(alert * MICROS),
    )


def _faults_of_usage(written: Mapping[str, Any]) -> Iterator[Fault]:
    known = ("credit_limit", "image_limit", "periodic_reset", "alert_threshold", "type")
    for name in written:
        if name not in known:
            yield (str(name),), f"Unknown key; the keys here are {', '.join(known[:-2])} and alert_threshold."
    limit, images = written.get("credit_limit"), written.get("image_limit")
    if limit is None and images is None:
        yield (), "`usage_limits` needs `credit_limit`, in US dollars, or `image_limit`, a number of pictures."
    if limit is not None and not _is_amount(limit):
        yield ("credit_limit",), "Expected an amount in US dollars, such as 50 or 0.5."
    if images is not None and not (type(images) is int and images >= 0):
        yield ("image_limit",), "Expected a whole number of pictures."
    if written.get("periodic_reset") not in (None, "weekly", "monthly"):
        yield ("periodic_reset",), "Expected weekly or monthly; left out, what is spent stays spent."
    if written.get("type") not in (None, "cost"):
        yield ("type",), "Expected cost; pictures are counted by `image_limit`."
    yield from _faults_of_alert(written.get("alert_threshold"), limit)


def _faults_of_alert(alert: Any, limit: Any) -> Iterator[Fault]:  # noqa: ANN401 - any JSON values
    if alert is None:
        return
    if not _is_amount(alert):
        yield ("alert_threshold",), "Expected an amount in US dollars, as `credit_limit`."
    elif not _is_amount(limit):
        yield ("alert_threshold",), "It is an amount below `credit_limit`, which is missing."
    elif alert > limit:
        yield ("alert_threshold",), "It is above `credit_limit`, and would never be reached."


def read_rates(written: Any) -> tuple[RateLimit, ...] | list[Fault]:  # noqa: ANN401 - any JSON value
    """Return what `rate_limits` says, or each fault with where it is, below `rate_limits`."""
    if written is None:
        return ()
    if not isinstance(written, list | tuple):
        return [((), "`rate_limits` is a list, such as [{type: requests, unit: rpm, value: 60}].")]
    faults = [fault for index, row in enumerate(written) for fault in _faults_of_rate(index, row)]
    if faults:
        return faults
    return tuple(RateLimit(kind=row["type"], unit=row["unit"], most=row["value"]) for row in written)


def _faults_of_rate(index: int, row: Any) -> Iterator[Fault]:  # noqa: ANN401 - any JSON value
    if not isinstance(row, Mapping):
        yield (index,), "Expected an object, such as {type: requests, unit: rpm, value: 60}."
        return
    for name in row:
        if name not in ("type", "unit", "value"):
            yield (index, name), "Unknown key; the keys here are type, unit and value."
    if row.get("type") not in ("requests", "images"):
        yield (index, "type"), "Expected requests or images."
    if row.get("unit") not in UNITS:
        yield (index, "unit"), "Expected rpm, rph or rpd: per minute, hour or day."
    if not (type(row.get("value")) is int and row["value"] > 0):
        yield (index, "value"), "Expected a whole number above 0."


def _is_amount(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return type(value) in (int, float) and 0 <= value <= _MOST_USD
