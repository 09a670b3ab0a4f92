"""The sizes a model paints, and the one of them that is nearest to what was asked for."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.plain import either
from gateway.shapes import Size, area_of, is_shape, nearest_ratio, parse_size, ratio_of, tier_of, written

_USUAL_PIXELS = 1 << 20
"""What a bare ratio is taken to mean, where pixels are wanted."""


class Sizes(Protocol):
    """What a model paints."""

    def accepts(self, text: str) -> bool:
        """Whether the model paints that size."""
        ...

    def nearest(self, text: str) -> str | None:
        """Return what to ask for instead, by shape first and then by area; `None` for what is no size at all."""
        ...

    def described(self) -> str:
        """Return what the model takes, for messages."""
        ...


def nearest(asked: Size, offered: Iterable[Size]) -> Size:
    """Return the offered size of the most similar shape, and among equal shapes of the most similar area."""
    return min(offered, key=lambda size: _distance(asked, size))


def _distance(asked: Size, size: Size) -> tuple[float, int]:
    # Rounded, as a shape and its mirror image are equally far from a square but not to the last bit.
    shape = round(abs(math.log(asked[0] / asked[1]) - math.log(size[0] / size[1])), 9)
    return shape, abs(asked[0] * asked[1] - size[0] * size[1])


def _imagined(text: str) -> Size | None:
    """Return the pixels that a size stands for; a ratio and a tier each leave half of it open."""
    size = parse_size(text)
    if size is not None or not is_shape(text):
        return size
    ratio, pixels = ratio_of(text) or 1.0, area_of(text) or _USUAL_PIXELS
    return max(round(math.sqrt(pixels * ratio)), 1), max(round(math.sqrt(pixels / ratio)), 1)


@dataclass(frozen=True, slots=True)
class SizeList:
    """Sizes one by one."""

    names: tuple[str, ...]

    def accepts(self, text: str) -> bool:
        """Whether the model paints that size."""
        return text in self.names

    def nearest(self, text: str) -> str | None:
        """Return the size to ask for instead."""
        asked = _imagined(text)
        offered = {size: name for name in self.names if (size := _imagined(name)) is not None}
        return offered[nearest(asked, offered)] if asked and offered else None

    def described(self) -> str:
        """Return what the model takes, for messages."""
        return either(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRatios:
    """Shapes without pixels; where a model paints them in several grades, those are its tiers."""

    ratios: tuple[str, ...]
    tiers: tuple[str, ...] = ()
    auto: bool = True

    def accepts(self, text: str) -> bool:
        """Whether the model paints that shape; any number of pixels stands for the nearest grade."""
        if text == "auto":
            return self.auto
        if tier_of(text) is not None:
            return text in self.tiers
        ratio = ratio_of(text)
        return ratio is not None and nearest_ratio(ratio, self.ratios)[1]

    def nearest(self, text: str) -> str | None:
        """Return the ratio, or the tier, to ask for instead."""
        pixels = tier_of(text)
        if pixels is not None and self.tiers:
            return min(self.tiers, key=lambda tier: abs((tier_of(tier) or 0) - pixels))
        asked = _imagined(text)
        return None if asked is None else nearest_ratio(asked[0] / asked[1], self.ratios)[0]

    def described(self) -> str:
        """Return what the model takes, for messages."""
        tiers = f", or one of {either(self.tiers)}" if self.tiers else ""
        return f"{'auto, ' if self.auto else ''}WIDTHxHEIGHT or W:H in the ratio {either(self.ratios)}{tiers}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRule:
    """Any size that keeps to the rule."""

    multiple: int
    max_edge: int
    min_edge: int = 1
    max_ratio: float | None = None
    min_pixels: int = 1
    max_pixels: int | None = None
    tiers: tuple[str, ...] = ()
    auto: bool = False

    def accepts(self, text: str) -> bool:
        """Whether the model paints that size."""
        if text == "auto":
            return self.auto
        size = parse_size(text)
        return text in self.tiers if size is None else self._allows(size)

    def nearest(self, text: str) -> str | None:
        """Return the size to ask for instead."""
        asked = _imagined(text)
        found = None if asked is None else self._fitted(asked)
        return None if found is None else written(found)

    def _fitted(self, asked: Size) -> Size | None:
        """Return the wished shape, brought within the bounds, then put on the grid."""
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
        others = [*self.tiers, *(["auto"] if self.auto else [])]
        return f"{''.join(f'{name}, or ' for name in others)}WIDTHxHEIGHT with {', '.join(rules)}"

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


def sizes_of(document: Sequence[str] | Mapping[str, Any] | None) -> Sizes | None:
    """Return the sizes that a catalogue row describes."""
    if document is None:
        return None
    if isinstance(document, Mapping):
        rule: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in document.items()
        }
        return SizeRatios(**rule) if "ratios" in rule else SizeRule(**rule)
    return SizeList(tuple(document))
