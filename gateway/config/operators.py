"""The operators of conditions: what is asked of one value that is there."""

import math
import re
from collections.abc import Callable
from typing import Any

import re2

from gateway.config.reading import Path, Reading
from gateway.config.suggest import shown

Test = Callable[[Any], bool]

_LONGEST_PATTERN = 512
_SUBJECT = 8 * 1024
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_LONGEST_NUMBER = 64
_ORDERINGS: dict[str, Callable[[float, float], bool]] = {
    "$gt": lambda value, bound: value > bound,
    "$gte": lambda value, bound: value >= bound,
    "$lt": lambda value, bound: value < bound,
    "$lte": lambda value, bound: value <= bound,
}
_SCALARS = (str, bool, int, float)


def number_of(value: object) -> float | None:
    """Return a number, or the number that a string spells: metadata and form fields are strings."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if len(value) > _LONGEST_NUMBER or not _NUMBER.fullmatch(value):
            return None
        value = int(value) if _WHOLE.fullmatch(value) else float(value)
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return None


def same(operand: Any, value: Any) -> bool:  # noqa: ANN401 - any JSON scalar
    """Whether a value is what was written; strings count as the numbers and booleans they spell, never otherwise."""
    if isinstance(operand, str) and isinstance(value, str):
        return operand == value
    if isinstance(operand, bool) or isinstance(value, bool):
        return _boolean_of(operand) is _boolean_of(value) is not None
    number = number_of(operand)
    return number is not None and number == number_of(value)


def test_of(operator: str, operand: Any, path: Path, reading: Reading) -> Test | None:  # noqa: ANN401
    """Return the test an operator makes of its operand, or `None` after reporting what is wrong with it."""
    return _MAKERS[operator](operator, operand, path, reading)


def _equality(operator: str, operand: Any, path: Path, reading: Reading) -> Test | None:  # noqa: ANN401
    if not isinstance(operand, _SCALARS):
        advice = {
            list: "; write {$in: [...]} to accept any of a list",
            type(None): "; write {$exists: false} to ask for what is missing",
        }.get(type(operand), "")
        _refuse(operator, "a string, a number, true or false", operand, path, reading, advice)
        return None
    if operator == "$ne":
        return lambda value: not same(operand, value)
    return lambda value: same(operand, value)


def _ordering(operator: str, operand: Any, path: Path, reading: Reading) -> Test | None:  # noqa: ANN401
    bound, compare = number_of(operand), _ORDERINGS[operator]
    if bound is None:
        _refuse(operator, "a number", operand, path, reading)
        return None

    def test(value: Any) -> bool:  # noqa: ANN401
        number = number_of(value)
        return number is not None and compare(number, bound)

    return test


def _membership(operator: str, operand: Any, path: Path, reading: Reading) -> Test | None:  # noqa: ANN401
    if not isinstance(operand, list) or not operand or not all(isinstance(item, _SCALARS) for item in operand):
        _refuse(operator, "a list of strings, numbers, true or false", operand, path, reading)
        return None
    members = tuple(operand)
    if operator == "$nin":
        return lambda value: not any(same(member, value) for member in members)
    return lambda value: any(same(member, value) for member in members)


def _presence(operator: str, operand: Any, path: Path, reading: Reading) -> Test | None:  # noqa: ANN401
    if not isinstance(operand, bool):
        _refuse(operator, "true or false", operand, path, reading)
        return None
    return lambda _: operand


def _regex(operator: str, operand: Any, path: Path, reading: Reading) -> Test | None:  # noqa: ANN401
    if not isinstance(operand, str):
        _refuse(operator, "a pattern in a string", operand, path, reading)
        return None
    pattern = operand.encode()
    if len(pattern) > _LONGEST_PATTERN:
        message = f"A pattern may have {_LONGEST_PATTERN} bytes at most; this one has {len(pattern)}."
        reading.report(path, message, code="unsupported_regex")
        return None
    options = re2.Options()
    options.max_mem = 1 << 20
    options.log_errors = False
    try:
        search = re2.compile(pattern, options=options).search
    except re2.error as error:
        fault = error.args[0].decode(errors="replace") if error.args else "unknown syntax"
        message = f"The pattern cannot be used: {fault}. Patterns are RE2: no look-around and no back-references."
        reading.report(path, message, code="unsupported_regex")
        return None
    return lambda value: isinstance(value, str) and search(_subject(value)) is not None


def _subject(value: str) -> bytes:
    return value[:_SUBJECT].encode(errors="replace")[:_SUBJECT]


def _boolean_of(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def _refuse(operator: str, wanted: str, operand: object, path: Path, reading: Reading, advice: str = "") -> None:
    name = f"`{operator}`" if path and path[-1] == operator else "The value"
    reading.report(path, f"{name} must be {wanted}, not {shown(operand)}{advice}.")


_MAKERS: dict[str, Callable[[str, Any, Path, Reading], Test | None]] = {
    "$eq": _equality,
    "$ne": _equality,
    **dict.fromkeys(_ORDERINGS, _ordering),
    "$in": _membership,
    "$nin": _membership,
    "$regex": _regex,
    "$exists": _presence,
}

OPERATORS = tuple(_MAKERS)
"""The operators that ask something of one value."""
