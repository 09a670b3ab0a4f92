"""Every kind of value that the tests on one field of a request could tell apart, one of each.

Where a test holds for all of them it always holds, and where it holds for none it never does: that is what makes
the answers of `queries` sure.
"""

import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.config.document import Document
from gateway.config.operators import number_of, test_of
from gateway.config.reading import Reading

_MOST_PATTERNS = 3
_ORDERINGS = frozenset({"$gt", "$gte", "$lt", "$lte"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value: an example, and which patterns it is taken to match."""

    value: Any = None
    there: bool = True
    matches: Mapping[str, bool] = field(default_factory=dict)
    """Pattern → whether it matches, for an example that stands for many strings; empty: look at the example."""


class Effort:
    """What may still be spent on one config: past that only equal tests are recognised, and everything may be."""

    def __init__(self) -> None:
        """Begin."""
        self.comparisons = 12_000
        self.tests = 20_000


def masks(operands: Sequence[Any], effort: Effort) -> tuple[list[int], int] | None:
    """Return for each test of a field the kinds of values it holds for, as bits, and all kinds there are.

    `None` where there would be too many to compare.
    """
    found = _Operands()
    for operand in operands:
        found.add(operand)
    steps = found.weight * found.most_kinds()
    if len(found.patterns) > _MOST_PATTERNS or steps > effort.comparisons:
        return None
    effort.comparisons -= steps
    kinds = tuple(found.kinds())
    tests = [_test(operand) for operand in operands]
    bits = [sum(1 << index for index, kind in enumerate(kinds) if test(kind)) for test in tests]
    return bits, (1 << len(kinds)) - 1


class _Operands:
    """What the tests of one field compare with."""

    def __init__(self) -> None:
        self.strings: dict[str, None] = dict.fromkeys(("true", "false"))
        self.numbers: set[float] = set()
        self.patterns: dict[str, None] = {}
        self.weight = 0

    def add(self, operand: Any) -> None:  # noqa: ANN401 - any JSON value
        for operator, value in operand.items() if isinstance(operand, dict) else (("$eq", operand),):
            if operator == "$not":
                self.add(value)
                continue
            for scalar in value if isinstance(value, list) else (value,):
                self._add(operator, scalar)

    def _add(self, operator: str, scalar: Any) -> None:  # noqa: ANN401
        self.weight += 1
        if operator == "$regex":
            self.patterns[scalar] = None
            return
        if isinstance(scalar, str) and operator not in _ORDERINGS:
            self.strings[scalar] = None
        number = number_of(scalar)
        if number is not None:
            self.numbers.add(number)

    def most_kinds(self) -> int:
        return 6 + len(self.strings) + (2 * len(self.numbers) + 2) * (1 + (1 << len(self.patterns)))

    def kinds(self) -> Iterator[Kind]:
        yield Kind(there=False)
        yield Kind([])
        for value in (True, False, *self.strings):
            yield Kind(value)
        numbers = tuple(_one_of_each(sorted(self.numbers)))
        for number in numbers:
            yield Kind(number)
        vague = [_unlike("~", "~", self.strings), *(_spelled(number, self.strings) for number in numbers)]
        truths = list(itertools.product((False, True), repeat=len(self.patterns)))
        for text, truth in itertools.product(vague, truths):
            yield Kind(text, matches=dict(zip(self.patterns, truth, strict=True)))


def _one_of_each(points: Sequence[float]) -> Iterator[float]:
    """Yield each number, and one from every gap that holds any: below, between and above."""
    if not points:
        yield 0
        return
    yield math.floor(points[0]) - 1
    for point, following in itertools.pairwise(points):
        yield point
        yield from _between(point, following)
    yield points[-1]
    yield math.ceil(points[-1]) + 1


def _between(low: float, high: float) -> Iterator[float]:
    near = float(low)
    for each in (near, math.nextafter(near, math.inf), math.floor(low) + 1):
        if low < each < high:
            yield each
            return


def _spelled(number: float, taken: Collection[str]) -> str:
    """Return a string that spells a number and is none of those that are compared with."""
    text = repr(number)
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    return sign + _unlike(digits, "0", taken, sign)


def _unlike(text: str, more: str, taken: Collection[str], sign: str = "") -> str:
    while sign + text in taken:
        text = more + text
    return text


def _test(operand: Any) -> Callable[[Kind], bool]:  # noqa: ANN401
    """Return what an operand asks of a value, as conditions ask it."""
    when_there = _of_value(operand)
    items = tuple(operand.items()) if isinstance(operand, dict) else ()
    when_missing = bool(items) and all(item == ("$exists", False) for item in items)
    return lambda kind: when_there(kind) if kind.there else when_missing


def _of_value(operand: Any) -> Callable[[Kind], bool]:  # noqa: ANN401
    if not isinstance(operand, dict):
        return _single("$eq", operand)
    tests = [_single(operator, value) for operator, value in operand.items()]
    return tests[0] if len(tests) == 1 else lambda kind: all(test(kind) for test in tests)


def _single(operator: str, value: Any) -> Callable[[Kind], bool]:  # noqa: ANN401
    if operator == "$not":
        inner = _of_value(value)
        return lambda kind: not inner(kind)
    test = test_of(operator, value, (), Reading(Document(data=None)))
    if test is None:  # pragma: no cover - the config was read without problems
        raise ValueError(f"{operator} cannot take this value")
    if operator == "$regex":
        return lambda kind: kind.matches[value] if kind.matches else test(kind.value)
    return lambda kind: test(kind.value)
