"""What a YAML scalar without quotes means: YAML 1.2's few constants and numbers, and nothing that readers guess at."""

import math
import re
from typing import Any

from gateway.config.suggest import printable

_LONGEST_NUMBER = 20
_CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}
_WORDS = {"true": "true", "on": "true", "yes": "true", "y": "true", "null": "null"} | dict.fromkeys(
    ("false", "off", "no", "n"), "false"
)
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_GUESSED = (
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "a number in base 60"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?"), "a date"),
    (re.compile(r"[-+]?0[xob][0-9a-fA-F_]+"), "a number in another base"),
    (re.compile(r"[-+]?\.?(inf|infinity|nan)", re.IGNORECASE), "a number that is not finite"),
    (re.compile(r"[-+]?0[0-9][0-9_]*"), "an octal number"),
    (re.compile(r"[-+]?(\.[0-9]|[0-9])[0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?"), "a number"),
)


def meaning(text: str) -> Any:  # noqa: ANN401
    """Return what a scalar without quotes means; a `ValueError` says what to write where readers differ."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if (word := _WORDS.get(text.lower())) is not None:
        raise ValueError(f'`{text}` is text to some readers and {word} to others; write {word}, or "{text}" in quotes.')
    if _NUMBER.fullmatch(text):
        whole = bool(_INTEGER.fullmatch(text))
        number = int(text) if whole and len(text) <= _LONGEST_NUMBER else float(text)
        if (whole and isinstance(number, float)) or not math.isfinite(number):
            raise ValueError("this number is too large; if it is text, write it in quotes.")
        return number
    for pattern, kind in _GUESSED:
        if pattern.fullmatch(text):
            shown = printable(text)
            raise ValueError(f'`{shown}` is {kind} to some readers; write a plain number, or "{shown}" in quotes.')
    return text
