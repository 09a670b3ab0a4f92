"""Sizes as people write them: `1024x1024`, `16:9`, `2K`; and which of several shapes is nearest to one."""

import math
import re
from collections.abc import Iterable

LARGEST_EDGE = 16384
"""No model paints more; what is over it is a slip of the finger."""

FAITHFUL = 0.02
"""How far apart the logarithms of two ratios may be that pass for the same shape: 1792x1024 is 16:9."""

Size = tuple[int, int]

_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")
_RATIO = re.compile(r"([1-9][0-9]{0,2}(?:\.[0-9]{1,2})?)[:]([1-9][0-9]{0,2}(?:\.[0-9]{1,2})?)")
_TIER = re.compile(r"([1-9])[kK]")
_TIER_PIXELS = 1 << 20


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


def ratio_of(text: object) -> float | None:
    """Return width over height of `WxH` or `W:H`, or `None` where it says anything else."""
    size = parse_size(text)
    if size is not None:
        return size[0] / size[1]
    found = _RATIO.fullmatch(text) if isinstance(text, str) else None
    return None if found is None else float(found[1]) / float(found[2])


def tier_of(text: object) -> int | None:
    """Return the pixels that a tier such as `2K` stands for: a square of that edge."""
    found = _TIER.fullmatch(text) if isinstance(text, str) else None
    return None if found is None else int(found[1]) ** 2 * _TIER_PIXELS


def area_of(text: object) -> int | None:
    """Return the pixels that a size or a tier stands for; a bare ratio stands for none."""
    size = parse_size(text)
    return tier_of(text) if size is None else size[0] * size[1]


def is_shape(text: object) -> bool:
    """Whether the text is a size, a ratio or a tier."""
    return ratio_of(text) is not None or tier_of(text) is not None


def nearest_ratio(ratio: float, offered: Iterable[str]) -> tuple[str, bool]:
    """Return the offered ratio that is the most similar shape, and whether it passes for the same."""
    distances = {name: abs(math.log(ratio) - math.log(other)) for name in offered if (other := ratio_of(name))}
    found = min(distances, key=lambda name: distances[name])
    return found, distances[found] <= FAITHFUL
