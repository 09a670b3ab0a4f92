"""Words for messages about configs: the nearest valid name, and values that are safe to show."""

import difflib
import math
from collections.abc import Iterable
from typing import Any

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


def shown(value: Any, *, secret: bool = False) -> str:  # noqa: ANN401 - any JSON value
    """Return a value as a message may show it: never a secret, never at length."""
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case str() if not value:
            return "an empty string"
        case str():
            return f"`{printable(value)}`" if not secret and len(value) <= _LONGEST_SHOWN else "this string"
        case int() | float() if not secret and (isinstance(value, float) or abs(value) < 10**_LONGEST_SHOWN):
            return str(value) if math.isfinite(value) else "a number that is not finite"
        case int() | float():
            return "this number"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return f"a {type(value).__name__}"


def printable(name: str) -> str:
    """Return a name short enough and clean enough for a message."""
    clean = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name[:_LONGEST_SHOWN])
    return clean if len(name) <= _LONGEST_SHOWN else clean + "…"
