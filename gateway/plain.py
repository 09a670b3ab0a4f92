"""How values are written in messages and in headers."""

from collections.abc import Sequence

import orjson

_LONGEST = 40
_UNSPEAKABLE = dict.fromkeys((*range(32), 127, ord(";")), " ")


def either(options: Sequence[str]) -> str:
    """Return the options as people list them: `a`, `a or b`, `a, b, or c`."""
    if len(options) < 3:  # noqa: PLR2004 - three options are the first that need commas
        return " or ".join(options)
    return f"{', '.join(options[:-1])}, or {options[-1]}"


def plain(value: object) -> str:
    """Return a value as it may stand in `x-gateway-adaptations`: short, ASCII, and without a separator in it."""
    text = value if isinstance(value, str) else _json(value)
    # Cut first: a value may be a picture of many megabytes.
    text = text[: _LONGEST + 1].encode("ascii", "replace").decode().translate(_UNSPEAKABLE).strip()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _json(value: object) -> str:
    if isinstance(value, list | dict | bytes | memoryview) and len(value) > _LONGEST:
        return f"{len(value)} values"
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return type(value).__name__
