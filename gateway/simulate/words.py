"""How results are told to people: numbers with their units, names that are safe to show."""

from collections.abc import Mapping
from typing import Any

from gateway.config.suggest import printable

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))
_WHOLE = 10
NOTHING = "–"
_LONGEST = 300


def seconds(value: float | None) -> str:
    """Return how long somebody waits."""
    if value is None:
        return NOTHING
    return f"{value:.2f} s" if abs(value) < _WHOLE else f"{value:,.1f} s"


def lasting(value: float) -> str:
    """Return a stretch of time in the two largest units that it has."""
    parts, left = [], round(value)
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count:,} {unit}")
    if left or not parts:
        parts.append(f"{left} s" if value >= 1 or not value else f"{value:.2g} s")
    return " ".join(parts[:2])


def dollars(value: float | None) -> str:
    """Return an amount."""
    if value is None:
        return NOTHING
    sign, value = ("-" if value < 0 else ""), abs(value)
    return f"{sign}${value:,.2f}" if value >= 1 or not value else f"{sign}${value:.4f}"


def percent(value: float | None) -> str:
    """Return a share; what is nearly all, or nearly nothing, is not said to be."""
    if value is None:
        return NOTHING
    hundredths = value * 100
    if 0 < abs(hundredths) < 0.01 or 99.99 < hundredths < 100:  # noqa: PLR2004 - where two digits would lie
        return f"{hundredths:.4f}%"
    return f"{hundredths:.2f}".rstrip("0").rstrip(".") + "%"


def points(value: float | None) -> str:
    """Return the change of a share, in points of a hundred."""
    return NOTHING if value is None else f"{value * 100:+.2f} points"


def count(value: float | None) -> str:
    """Return a number of things."""
    return NOTHING if value is None else f"{value:,}"


def causes(failures: Mapping[str, int]) -> str:
    """Return what went wrong how often, the most frequent first."""
    ordered = sorted(failures.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{number:,} {cause}" for cause, number in ordered) or "none"


def sentence(text: str | None) -> str:
    """Return somebody's words, without what no page or terminal should be shown."""
    clean = "".join(letter if letter.isprintable() else " " for letter in (text or "")[:_LONGEST])
    return clean if text is None or len(text) <= _LONGEST else clean + "…"


def name_of(config: Mapping[str, Any]) -> str:
    """Return what a config is called."""
    return printable(config["id"] or "config")
