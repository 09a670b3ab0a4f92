"""Words for messages about configs: the nearest valid name, and values that are safe to show."""

import difflib
import math
from collections.abc import Iterable

_LONGEST_NAME = 64
_LONGEST_SHOWN = 40


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Return the name that was probably meant."""
    if len(word) > _LONGEST_NAME:
        return None  # comparing is quadratic, and nobody mistypes that much
    close = difflib.get_close_matches(word.lower(), {name.lower(): name for name in names}, n=1, cutoff=0.6)
    return next((name for name in names if name.lower() == close[0]), None) if close else None


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """Return the end of a sentence: the nearest name as a question, or a full stop."""
    name = nearest(word, tuple(names))
    return "." if name is None else f"; did you mean `{name}`?"


def listed(names: Iterable[str], last: str = "or") -> str:
    """Return names as a list to read: `a`, `b` or `c`."""
    quoted = [f"`{name}`" for name in names]
    return f" {last} ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1] if quoted else "")))


def shown(value: object, *, secret: bool = False) -> str:
    """Return a value as a message may show it: never a secret, never at length."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, str):
        if secret or len(value) > _LONGEST_SHOWN:
            return "this string"
        return f"`{printable(value)}`" if value else "an empty string"
    if isinstance(value, int | float):
        if secret or (isinstance(value, int) and abs(value) >= 10**_LONGEST_SHOWN):
            return "this number"
        return str(value) if math.isfinite(value) else "a number that is not finite"
    kind = type(value).__name__
    words = {"list": "a list", "dict": "an object"} if value else {"list": "an empty list", "dict": "an empty object"}
    return words.get(kind, f"a {kind}")


def printable(name: str) -> str:
    """Return a name short enough and clean enough for a message."""
    clean = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name[:_LONGEST_SHOWN])
    return clean if len(name) <= _LONGEST_SHOWN else clean + "…"
