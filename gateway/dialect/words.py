"""What may be shown of a provider's own words: short, printable, and without anything that looks like a key."""

import re
from typing import Any

_LONGEST_MESSAGE = 500
_LONGEST_LOOK = 4 * _LONGEST_MESSAGE
_CODE = re.compile(r"[\w.:\[\]/-]{1,64}", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")
_KEYLIKE = re.compile(
    r"""
      (?i:bearer|basic)\s+[\w.~+/=-]{8,}                          # a whole authorization header
    | (?<![A-Za-z0-9])(?:sk|pk|rk|xai|key|nvapi)-[\w*-]{6,}       # keys that carry their maker's prefix
    | (?<![A-Za-z0-9])(?:hf|fw|r8|gsk|tgp|AIza|AKIA)_?[\w*-]{12,}
    | (?<![A-Za-z0-9])eyJ[\w-]{8,}(?:\.[\w-]+)*                   # a JWT
    | [\w-]*\*{3,}[\w*-]*                                         # a key that the provider masked in part
    | (?<![A-Za-z0-9])(?<!req_)                                   # request ids are for support: they stay
      (?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{20,}        # letters and digits, too long for a word
    """,
    re.VERBOSE | re.ASCII,
)


def shown(text: str) -> str:
    """Return a provider's sentence as it may be shown: one line of at most 500 characters."""
    line = _UNPRINTABLE.sub(" ", text[:_LONGEST_LOOK]).strip()
    line = _KEYLIKE.sub("***", line)
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"


def identifier(value: Any) -> str | None:  # noqa: ANN401 - the JSON boundary
    """Return a provider's error code or parameter name, where it is one and not a text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and _CODE.fullmatch(value) and not _KEYLIKE.search(value):
        return value
    return None
