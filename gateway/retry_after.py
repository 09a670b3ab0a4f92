"""How long a provider asked to be left alone, from the three spellings in use."""

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_DAY = 86_400.0
_IN_MILLISECONDS = ("retry-after-ms", "x-ms-retry-after-ms")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds asked for, at most a day; `None` where nothing sensible was said.

    An HTTP date is compared with the answer's own `Date`, so that a provider's clock may be wrong, else with `now`.
    """
    for name in _IN_MILLISECONDS:
        if name in headers:
            seconds = _number(headers[name])
            if seconds is not None:
                return _bounded(seconds / 1000)
    text = headers.get("retry-after")
    if text is None:
        return None
    seconds = _number(text)
    if seconds is not None:
        return _bounded(seconds)
    then = _date(text)
    if then is None:
        return None
    said = _date(headers.get("date", ""))
    return _bounded(then - (now if said is None else said))


def _bounded(seconds: float) -> float | None:
    return None if seconds < 0 else min(seconds, _DAY)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) or "_" in text else number  # 1_0 is ten to Python alone


def _date(text: str) -> float | None:
    try:
        then = parsedate_to_datetime(text)
        if then.tzinfo is None:  # one of HTTP's forms names no zone, and -0000 is UTC without a place: never ours
            then = then.replace(tzinfo=UTC)
        return then.timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
