"""Values the grammar leaves free, such as parameters: any JSON, as long as it can be stored and sent."""

import math
from typing import Any

from gateway.config.reading import FAULTY, Path, Reading

_DEEPEST = 32
_LARGEST = 2**63


def read_plain(value: Any, path: Path, reading: Reading, depth: int = 0) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value as it is, or report what in it is not JSON."""
    if isinstance(value, str):
        fault = _fault_of_text(value)
    elif value is None or isinstance(value, bool):
        return value
    elif isinstance(value, int):
        fault = None if -_LARGEST <= value < _LARGEST else "is a number of more than 64 bits; write it as a string"
    elif isinstance(value, float):
        fault = None if math.isfinite(value) else "is not a finite number"
    elif isinstance(value, list | dict):
        return _read_nested(value, path, reading, depth)
    else:
        fault = f"is a {type(value).__name__}, which JSON does not have; write it as a string"
    if fault is None:
        return value
    reading.report(path, f"The value {fault}.")
    return FAULTY


def is_text(value: str) -> bool:
    """Whether a string can be stored and sent."""
    return _fault_of_text(value) is None


def _read_nested(value: list[Any] | dict[Any, Any], path: Path, reading: Reading, depth: int) -> Any:  # noqa: ANN401
    if depth >= _DEEPEST:
        reading.report(path, f"Values may be nested {_DEEPEST} deep at most.")
        return FAULTY
    sound = True
    if isinstance(value, list):
        for index, item in enumerate(value):
            if read_plain(item, (*path, index), reading, depth + 1) is FAULTY:
                sound = False
    else:
        for key, item in value.items():
            if not isinstance(key, str) or not is_text(key):
                reading.report(path, "Every key must be a string.")
                sound = False
            elif read_plain(item, (*path, key), reading, depth + 1) is FAULTY:
                sound = False
    return value if sound else FAULTY


def _fault_of_text(value: str) -> str | None:
    if value.isascii():
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return "is a string with half of a surrogate pair in it, which is no text"
    return None
