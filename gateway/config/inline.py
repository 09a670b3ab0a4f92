"""A config that a caller sends in a header: JSON, plain or in base64."""

import binascii
import json
from typing import Any

import orjson
import pybase64

from gateway.config.document import Document
from gateway.errors import InvalidConfig, Problem


def read_inline(text: str) -> Document | None:
    """Return the document, or `None` where the text is no JSON object and so must be meant as an id."""
    stripped = text.strip()
    if not stripped.startswith("{"):
        try:
            stripped = pybase64.b64decode(stripped, validate=True).decode().strip()
        except (binascii.Error, ValueError):
            return None
        if not stripped.startswith("{"):
            return None
    try:
        orjson.loads(stripped)  # refuses what the standard library takes: NaN, endless nesting, huge numbers
    except orjson.JSONDecodeError as error:
        raise InvalidConfig(
            [Problem(message=f"the config is not valid JSON: {str(error).partition(chr(10))[0][:200]}")]
        ) from None
    return Document(data=json.loads(stripped, object_pairs_hook=_without_twins))


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidConfig([Problem(message=f"the key {name[:60]!r} is given twice in one object; keep one")])
        found[name] = value
    return found
