"""Secrets inside documents: sealed where they stand, opened for use, and shown to nobody.

Which keys hold secrets is said by whoever knows the documents, as a mapping from each spelling of a key to its field.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from gateway.store.sealing import MasterKeys, is_sealed

MASK = "***"
"""What stands in the place of a secret that is shown."""

Spellings = Mapping[str, str]
"""Key as it may be written → the name of the field."""


class Sealed(str):
    """A text that was sealed before, and stays as it is; whatever else a caller sends is sealed anew."""

    __slots__ = ()


def sealed(document: Any, spellings: Spellings, master: MasterKeys, place: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return a document with its secrets sealed for a place, `workspace/table/row`."""

    def seal(field: str, value: Any) -> str:  # noqa: ANN401
        if isinstance(value, Sealed):
            return str(value)
        return master.seal(orjson.dumps(value).decode(), f"{place}/{field}")

    return _changed(document, spellings, seal)


def opened(document: Any, spellings: Spellings, master: MasterKeys, place: str) -> Any:  # noqa: ANN401
    """Return a document with its secrets in clear; raises `CannotOpen`."""

    def unseal(field: str, value: Any) -> Any:  # noqa: ANN401
        return orjson.loads(master.open(value, f"{place}/{field}")) if is_sealed(value) else value

    return _changed(document, spellings, unseal)


def masked(document: Any, spellings: Spellings) -> Any:  # noqa: ANN401
    """Return a document as it may be shown."""
    return _changed(document, spellings, lambda _, __: MASK)


def rewrapped(document: Any, spellings: Spellings, master: MasterKeys, place: str) -> Any:  # noqa: ANN401
    """Return a document whose secrets' keys are sealed by the first master key; raises `CannotOpen`."""

    def rewrap(field: str, value: Any) -> Any:  # noqa: ANN401
        return master.rewrap(value, f"{place}/{field}") if is_sealed(value) else value

    return _changed(document, spellings, rewrap)


def same(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Whether two values were sealed once and together; another master key seals their keys, not what is inside."""
    if is_sealed(one) and is_sealed(other):
        return bool(one.rpartition(":")[2] == other.rpartition(":")[2])
    return type(one) is type(other) and bool(one == other)


def _changed(document: Any, spellings: Spellings, change: Callable[[str, Any], Any]) -> Any:  # noqa: ANN401
    if isinstance(document, list):
        return [_changed(item, spellings, change) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        key: change(spellings[key], value)
        if key in spellings and value is not None
        else _changed(value, spellings, change)
        for key, value in document.items()
    }
