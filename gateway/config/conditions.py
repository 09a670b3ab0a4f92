"""Conditions, compiled once: a query as it is written becomes a function of the request."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.config.operators import OPERATORS, Test, test_of
from gateway.config.reading import Path, Reading
from gateway.config.suggest import did_you_mean, listed, printable, shown
from gateway.images import ImageRequest

Holds = Callable[[ImageRequest], bool]
Find = Callable[[ImageRequest], Any]

_AREAS = ("metadata.", "params.", "headers.")
_PATHNAME = "url.pathname"
_LOGIC = ("$and", "$or", "$not")
_READ = "Conditions read `metadata.…`, `params.…`, `headers.…` and `url.pathname`."


def compile_query(query: Any, path: Path, reading: Reading) -> Holds:  # noqa: ANN401
    """Return what a query asks of a request as its caller sent it, after reporting what is wrong with it."""
    if not isinstance(query, dict):
        reading.report(path, f"A query must be an object, not {shown(query)}.")
        return _never
    return _every([_one_key(key, operand, (*path, key), reading) for key, operand in query.items()])


def _one_key(key: str, operand: Any, path: Path, reading: Reading) -> Holds:  # noqa: ANN401
    if key == "$not":
        inner = compile_query(operand, path, reading)
        return lambda request: not inner(request)
    if key in _LOGIC:
        if not isinstance(operand, list) or not operand:
            reading.report(path, f"`{key}` must be a list of at least one query, not {shown(operand)}.")
            return _never
        parts = [compile_query(part, (*path, index), reading) for index, part in enumerate(operand)]
        return _every(parts) if key == "$and" else _any(parts)
    find = finder(key)
    if find is None:
        _report_key(key, path, reading)
        return _never
    when_there, when_missing = _test(operand, path, reading)

    def holds(request: ImageRequest) -> bool:
        value = find(request)
        return when_missing if value is None else when_there(value)

    return holds


def _test(operand: Any, path: Path, reading: Reading) -> tuple[Test, bool]:  # noqa: ANN401
    """Return what is asked of a value that is there, and what holds for one that is missing."""
    if not isinstance(operand, dict):
        return test_of("$eq", operand, path, reading) or _never, False
    if not operand:
        reading.report(path, f"An operator is missing: one of {listed((*OPERATORS, '$not'))}.")
    tests: list[Test] = []
    for operator, value in operand.items():
        place = (*path, operator)
        if operator == "$not":
            inner, _ = _test(value, place, reading)
            tests.append(_negated(inner))
        elif operator in OPERATORS:
            tests.append(test_of(operator, value, place, reading) or _never)
        elif operator in _LOGIC:
            reading.report(place, f"`{operator}` stands beside keys, not below one: {{{operator}: [{{…}}, {{…}}]}}.")
        else:
            guess = did_you_mean(operator, (*OPERATORS, *_LOGIC))
            known = f" Operators are {listed((*OPERATORS, *_LOGIC), 'and')}." if guess == "." else ""
            reading.report(place, f"Unknown operator `{printable(operator)}`{guess}{known}")
    return _every(tests), bool(operand) and all(item == ("$exists", False) for item in operand.items())


def fields_of(query: Any) -> Iterator[str]:  # noqa: ANN401
    """Yield the fields of a request that a query asks for, each as often as it does."""
    if isinstance(query, list):
        for part in query:
            yield from fields_of(part)
        return
    for key, operand in query.items() if isinstance(query, dict) else ():
        if key in _LOGIC:
            yield from fields_of(operand)
        else:
            yield key


def finder(key: str) -> Find | None:
    """Return what reads a field of a request, or `None` where there is no such field."""
    area, _, name = key.partition(".")
    if key == _PATHNAME:
        return lambda request: request.path
    if not name:
        return None
    if area == "metadata":
        return lambda request: request.metadata.get(name)
    if area == "headers":
        lower = name.lower()
        return lambda request: request.headers.get(lower)
    if area == "params" and all(name.split(".")):
        first, *rest = name.split(".")
        return lambda request: _nested(request.params.get(first), rest)
    return None


def _nested(value: Any, rest: list[str]) -> Any:  # noqa: ANN401 - any JSON value
    for step in rest:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def _report_key(key: str, path: Path, reading: Reading) -> None:
    if key.startswith("$"):
        guess = did_you_mean(key, _LOGIC)
        if key in OPERATORS:
            guess = ": it stands below a key, as in {metadata.plan: {" + key + ": …}}."
        reading.report(path, f"`{printable(key)}` cannot stand here{guess}")
        return
    area, dot, name = key.partition(".")
    guess = did_you_mean(area + ".", (*_AREAS, "url."))
    for meant in (*_AREAS, "url."):
        guess = guess.replace(f"`{meant}`", f"`{meant}{printable(name)}`" if meant in _AREAS else f"`{_PATHNAME}`")
    if dot and area + "." in _AREAS:
        guess = "; a name is missing in it."
    reading.report(path, f"Unknown key `{printable(key)}`{guess} {_READ}")


def _every(parts: list[Callable[[Any], bool]]) -> Callable[[Any], bool]:
    return parts[0] if len(parts) == 1 else lambda subject: all(part(subject) for part in parts)


def _any(parts: list[Callable[[Any], bool]]) -> Callable[[Any], bool]:
    return parts[0] if len(parts) == 1 else lambda subject: any(part(subject) for part in parts)


def _negated(test: Test) -> Test:
    return lambda value: not test(value)


def _never(_: object) -> bool:
    return False
