"""Whether any request could meet some queries and miss others: what is denied here is sure, the rest may be."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.lint.values import Effort, masks

_MOST_SPLITS = 256


@dataclass(frozen=True, slots=True)
class _Test:
    field: str
    mask: int
    """The kinds of values it holds for."""


@dataclass(frozen=True, slots=True)
class _All:
    parts: "tuple[Formula, ...]"


@dataclass(frozen=True, slots=True)
class _Any:
    parts: "tuple[Formula, ...]"


@dataclass(frozen=True, slots=True)
class _Not:
    part: "Formula"


Formula = _Test | _All | _Any | _Not


@dataclass(frozen=True, slots=True)
class Way:
    """What leads from one conditional to one of its children."""

    queries: Sequence[Mapping[str, Any]]
    """All queries of the conditional, in their order."""
    leading: Collection[int]
    """Those that lead to the child."""
    by_default: bool
    """Whether the child has the requests that meet none of them."""


class Queries:
    """The queries of one node, asked of the requests that get there."""

    def __init__(self, queries: Iterable[Mapping[str, Any]], effort: Effort, ways: Sequence[Way] = ()) -> None:
        """Work out which kinds of values there are for each field; `ways` lead to the node, all of them."""
        written = list(queries)
        operands: dict[str, list[Any]] = {}
        for query in (*written, *(query for way in ways for query in way.queries)):
            for name, operand in _tests(query):
                operands.setdefault(name, []).append(operand)
        self._effort = effort
        self._room: dict[str, int] = {}
        self._masks: dict[str, Iterator[int]] = {}
        for name, of_field in operands.items():
            found = masks(of_field, effort)
            if found is not None:
                self._masks[name], self._room[name] = iter(found[0]), found[1]
        self._formulas = [self._formula(query) for query in written]
        self._fields = [frozenset(name for name, _ in _tests(query)) for query in written]
        here = _All(tuple(self._way(way) for way in ways))
        # Where nothing gets to, every query would be wrong, and what is wrong is above.
        self._here = here if self._may_be(here) else _All(())

    def contradicts_itself(self, index: int) -> bool:
        """Whether no request could meet a query, wherever it comes from."""
        return not self._may_be(self._formulas[index])

    def never(self, index: int) -> bool:
        """Whether no request that gets to the node could meet a query, whatever there is before it."""
        return not self._may_be(_All((self._here, self._formulas[index])))

    def taken_by(self, index: int) -> tuple[int, ...]:
        """Return the earlier queries that leave no request for this one: one if one does; none where some are left."""
        formula, fields = self._formulas[index], self._fields[index]
        earlier = [each for each in range(index) if not self._fields[each] or self._fields[each] & fields]
        if self._here.parts:
            earlier = list(range(index))  # what leads here may have to do with any field
        missed = [_Not(self._formulas[each]) for each in earlier]
        if not earlier or self._may_be(_All((self._here, formula, *missed))):
            return ()
        for each in earlier:
            if not self._may_be(_All((self._here, formula, _Not(self._formulas[each])))):
                return (each,)
        return tuple(earlier)

    def exhaust(self) -> bool:
        """Whether every request that gets to the node meets one of them."""
        return not self._may_be(_All((self._here, *(_Not(formula) for formula in self._formulas))))

    def _may_be(self, formula: Formula, room: Mapping[str, int] | None = None, splits: int = _MOST_SPLITS) -> bool:
        room = self._room if room is None else room
        verdict = self._verdict(formula, room)
        if isinstance(verdict, bool):
            return verdict
        if not splits or self._effort.tests < 0:
            return True
        inside = {**room, verdict.field: room[verdict.field] & verdict.mask}
        outside = {**room, verdict.field: room[verdict.field] & ~verdict.mask}
        return self._may_be(formula, inside, splits - 1) or self._may_be(formula, outside, splits - 1)

    def _verdict(self, formula: Formula, room: Mapping[str, int]) -> bool | _Test:
        """Return whether a formula holds for every request in the room, or for none, or a test to ask first."""
        match formula:
            case _Test(name, mask):
                self._effort.tests -= 1
                if not room[name] & mask:
                    return False
                return True if not room[name] & ~mask else formula
            case _Not(part):
                verdict = self._verdict(part, room)
                return not verdict if isinstance(verdict, bool) else verdict
        ends = isinstance(formula, _Any)
        open_: _Test | None = None
        for part in formula.parts:
            verdict = self._verdict(part, room)
            if verdict is ends:
                return ends
            if isinstance(verdict, _Test) and open_ is None:
                open_ = verdict
        return open_ or not ends

    def _way(self, way: Way) -> Formula:
        """Return what is so of the requests that go one way."""
        formulas = [self._formula(query) for query in way.queries]
        missed = [_Not(formula) for formula in formulas]
        ends: list[Formula] = [_All((formulas[index], *missed[:index])) for index in way.leading]
        if way.by_default:
            ends.append(_All(tuple(missed)))
        return _Any(tuple(ends))

    def _formula(self, query: Mapping[str, Any]) -> Formula:
        parts: list[Formula] = []
        for key, operand in query.items():
            if key == "$not":
                parts.append(_Not(self._formula(operand)))
            elif key in ("$and", "$or"):
                inner = tuple(self._formula(part) for part in operand)
                parts.append(_All(inner) if key == "$and" else _Any(inner))
            else:
                parts.append(self._test(_field(key), operand))
        return _All(tuple(parts))

    def _test(self, name: str, operand: Any) -> _Test:  # noqa: ANN401 - any JSON value
        if name in self._masks:
            return _Test(name, next(self._masks[name]))
        # One of too many to compare: it holds or not, and so does any that is written alike.
        alone = f"{name} {orjson.dumps(operand, option=orjson.OPT_SORT_KEYS).decode()}"
        self._room[alone] = 0b11
        return _Test(alone, 0b01)


def _tests(query: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the tests of a query, field by field, in the order they are written."""
    for key, operand in query.items():
        if key == "$not":
            yield from _tests(operand)
        elif key in ("$and", "$or"):
            for part in operand:
                yield from _tests(part)
        else:
            yield _field(key), operand


def _field(key: str) -> str:
    return key.lower() if key.startswith("headers.") else key
