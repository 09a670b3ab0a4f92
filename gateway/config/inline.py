"""A config that a caller sends in a header: JSON, plain or in base64."""

import binascii
import json
from typing import Any

import orjson
import pybase64

from gateway.config.document import Document
from gateway.errors import InvalidConfig, Problem

_PLAIN = str.maketrans("-_", "+/")


def read_inline(text: str) -> Document | None:
    """Return the document, or `None` where the text is no JSON object and so must be meant as an id."""
    stripped = text.strip()
    if not stripped.startswith("{"):
        try:
            # Both alphabets are in use, with and without padding.
            padded = stripped.rstrip("=").translate(_PLAIN) + "=" * (-len(stripped.rstrip("=")) % 4)
            stripped = pybase64.b64decode(padded, validate=True).decode().strip()
        except (binascii.Error, ValueError):
            return None
        if not stripped.startswith("{"):
            return None
    try:
        orjson.loads(stripped)  # refuses what the standard library takes: NaN, infinite numbers
        return Document(data=json.loads(stripped, object_pairs_hook=_without_twins))
    except orjson.JSONDecodeError as error:
        message = f"the config is not valid JSON: {str(error).partition(chr(10))[0][:200]}"
    except RecursionError:  # which of the two gives up first depends on the depth of our own calls
        message = "the config is nested too deeply"
    raise InvalidConfig([Problem(message=message)])


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidConfig([Problem(message=f"the key {name[:60]!r} is given twice in one object; keep one")])
        found[name] = value
    return found
