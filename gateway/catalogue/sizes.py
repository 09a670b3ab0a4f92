"""The sizes a model paints, and the one of them that is nearest to what was asked for."""

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.catalogue.words import either

LARGEST_EDGE = 16384
"""No model paints more; what is over it is a slip of the finger."""

Size = tuple[int, int]
_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")


def parse_size(text: object) -> Size | None:
    """Return width and height of `WxH`, or `None` where it says anything else."""
    found = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    width, height = int(found[1]), int(found[2])
    return (width, height) if max(width, height) <= LARGEST_EDGE else None


def written(size: Size) -> str:
    """Return a size as `WxH`."""
    return f"{size[0]}x{size[1]}"


def nearest(asked: Size, offered: Iterable[Size]) -> Size:
    """Return the offered size of the most similar shape, and among equal shapes of the most similar area."""
    return min(offered, key=lambda size: _distance(asked, size))


def _distance(asked: Size, size: Size) -> tuple[float, int]:
    # Rounded, as a shape and its mirror image are equally far from a square but not to the last bit.
    shape = round(abs(math.log(asked[0] / asked[1]) - math.log(size[0] / size[1])), 9)
    return shape, abs(asked[0] * asked[1] - size[0] * size[1])


@dataclass(frozen=True, slots=True)
class SizeList:
    """Sizes one by one."""

    names: tuple[str, ...]
    auto: bool

    def accepts(self, text: str) -> bool:
        """Whether the model paints that size."""
        return text in self.names

    def nearest(self, asked: Size) -> Size | None:
        """Return the size to ask for instead."""
        offered = [size for size in map(parse_size, self.names) if size is not None]
        return nearest(asked, offered) if offered else None

    def described(self) -> str:
        """Return what the model takes, for messages."""
        return either(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRule:
    """Any size that keeps to the rule."""

    multiple: int
    max_edge: int
    min_edge: int = 1
    max_ratio: float | None = None
    min_pixels: int = 1
    max_pixels: int | None = None
    auto: bool = False

    def accepts(self, text: str) -> bool:
        """Whether the model paints that size."""
        if text == "auto":
            return self.auto
        size = parse_size(text)
        return size is not None and self._allows(size)

    def nearest(self, asked: Size) -> Size | None:
        """Return the size to ask for instead: the wished shape, brought within the bounds, then put on the grid."""
        if self._allows(asked):
            return asked
        ratio, area = self._within_bounds(asked)
        # Rounded, as a root of a square is not exact, and what stands on the grid already is to stay there.
        columns = round(math.sqrt(area * ratio) / self.multiple, 6)
        rows = round(math.sqrt(area / ratio) / self.multiple, 6)
        # The four points around the ideal are nearly always enough; at the bounds one has to look a little further.
        for reach in range(self.max_edge // self.multiple):
            around = itertools.product(_around(columns, reach), _around(rows, reach))
            sizes = [(column * self.multiple, row * self.multiple) for column, row in around]
            allowed = [size for size in sizes if self._allows(size)]
            if allowed:
                return nearest(asked, allowed)
        return None

    def described(self) -> str:
        """Return what the model takes, for messages."""
        rules = [f"edges of {self.min_edge} to {self.max_edge}"]
        if self.multiple > 1:
            rules = [f"both edges multiples of {self.multiple} and at most {self.max_edge}"]
        if self.max_ratio is not None:
            rules.append(f"a ratio of at most {self.max_ratio:g}:1")
        if self.max_pixels is not None:
            rules.append(f"{self.min_pixels} to {self.max_pixels} pixels in all")
        return f"{'auto, or ' if self.auto else ''}WIDTHxHEIGHT with {', '.join(rules)}"

    def _allows(self, size: Size) -> bool:
        shorter, longer = sorted(size)
        return (
            shorter >= max(self.min_edge, 1)
            and longer <= self.max_edge
            and size[0] % self.multiple == 0
            and size[1] % self.multiple == 0
            and (self.max_ratio is None or longer <= self.max_ratio * shorter)
            and self.min_pixels <= shorter * longer
            and (self.max_pixels is None or shorter * longer <= self.max_pixels)
        )

    def _within_bounds(self, asked: Size) -> tuple[float, float]:
        steepest = self.max_edge / self.min_edge
        if self.max_ratio is not None:
            steepest = min(steepest, self.max_ratio)
        ratio = min(max(asked[0] / asked[1], 1 / steepest), steepest)
        stretch = max(ratio, 1 / ratio)
        largest = self.max_edge**2 / stretch
        if self.max_pixels is not None:
            largest = min(largest, self.max_pixels)
        smallest = max(self.min_pixels, self.min_edge**2 * stretch)
        return ratio, min(max(asked[0] * asked[1], smallest), largest)


def _around(ideal: float, reach: int) -> range:
    return range(math.floor(ideal) - reach, math.ceil(ideal) + reach + 1)


def sizes_of(document: Sequence[str] | Mapping[str, Any] | None) -> SizeList | SizeRule | None:
    """Return the sizes that a catalogue row describes."""
    if document is None:
        return None
    if isinstance(document, Mapping):
        return SizeRule(**document)
    return SizeList(tuple(document), auto="auto" in document)
