"""What differs between two versions of a config: values by their JSON path, not lines of text."""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from gateway.http.control.secrets import SPELLINGS, masked
from gateway.store.hidden import same

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ABSENT = object()
"""Stands where one of both documents has nothing."""


def differences(before: Any, after: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON value
    """Return each change as `{path, change, before, after}`: of a secret only that it differs, not what it is.

    `change` is `added`, `removed` or `changed`, as a value that is not there is shown as null.
    """
    return list(_walk(before, after, "$", None))


def _walk(before: Any, after: Any, path: str, key: str | None) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    if type(before) is type(after) and isinstance(before, dict | list) and key not in SPELLINGS:
        for step, inner, one, other in _both(before, after):
            yield from _walk(one, other, path + step, inner)
    elif not same(before, after):
        kind = "added" if before is _ABSENT else "removed" if after is _ABSENT else "changed"
        yield {"path": path, "change": kind, "before": _shown(key, before), "after": _shown(key, after)}


def _both(before: Any, after: Any) -> Iterator[tuple[str, str | None, Any, Any]]:  # noqa: ANN401
    """Yield each member of two objects, or of two lists: its step of the path, its key, and both values."""
    if isinstance(before, dict):
        for key in dict.fromkeys((*before, *after)):
            step = f".{key}" if _PLAIN.fullmatch(key) else f"[{orjson.dumps(key).decode()}]"
            yield step, key, before.get(key, _ABSENT), after.get(key, _ABSENT)
        return
    for index in range(max(len(before), len(after))):
        one, other = (values[index] if index < len(values) else _ABSENT for values in (before, after))
        yield f"[{index}]", None, one, other


def _shown(key: str | None, value: Any) -> Any:  # noqa: ANN401
    if value is _ABSENT:
        return None
    return masked(value) if key is None else masked({key: value})[key]
