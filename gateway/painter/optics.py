"""Where the light goes in a sandbox picture: rays through glass, by Snell's law. Pure geometry, no pixels."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

Point = tuple[float, float]

_FAR = 3.0
_RED, _VIOLET = 0.0, 0.79


@dataclass(frozen=True, slots=True)
class Ray:
    """A beam of white light; `strength` is 1 for the lamp's own."""

    start: Point
    end: Point
    width: float
    strength: float


@dataclass(frozen=True, slots=True)
class Wedge:
    """A sliver of the spectrum; hues run from 0 (red) around the circle."""

    corners: tuple[Point, ...]
    hue: float
    strength: float


@dataclass(frozen=True, slots=True)
class Scene:
    """Glass and light, in units of the picture's shorter edge; (0, 0) is its middle, y grows downwards."""

    glass: tuple[Point, ...]
    facets: tuple[tuple[Point, Point], ...]
    """Edges within the glass."""
    rays: tuple[Ray, ...]
    wedges: tuple[Wedge, ...]
    focus: Point
    """Where the light leaves the glass."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture's size, and the way from a scene's points to its pixels."""

    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    @property
    def unit(self) -> int:
        """The shorter edge."""
        return min(self.size)

    def at(self, point: Point, scale: float = 1.0) -> Point:
        """Return the pixel of a scene's point, on a copy of the canvas that is `scale` as large."""
        x, y = point
        return (self.width / 2 + x * self.unit) * scale, (self.height / 2 + y * self.unit) * scale

    def part(self, divisor: int) -> tuple[int, int]:
        """Return the size of a copy that is smaller by `divisor`."""
        return max(1, self.width // divisor), max(1, self.height // divisor)


def scene(rng: Random, slivers: int) -> Scene:
    """Return a scene: a prism that spreads a beam, or a cube that splits it."""
    turn = math.radians(rng.uniform(-24, 24)) + (math.pi if rng.random() < 0.2 else 0.0)  # noqa: PLR2004
    mirrored = rng.random() < 0.35  # noqa: PLR2004
    shift = (rng.uniform(-0.12, 0.04), rng.uniform(-0.08, 0.06))

    def place(point: Point) -> Point:
        x, y = point
        x, y = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
        x += shift[0]
        return (-x if mirrored else x), y + shift[1]

    if rng.random() < 0.3:  # noqa: PLR2004
        return _cube(rng, slivers, place)
    return _prism(rng, slivers, place)


def _prism(rng: Random, slivers: int, place: Callable[[Point], Point]) -> Scene:
    """A beam meets the left face so that its middle colour passes symmetrically; the others fan out around it."""
    half_apex = math.radians(rng.uniform(27, 31))
    radius = rng.uniform(0.24, 0.31)
    rise = rng.uniform(0.44, 0.58)
    index = 1.52
    spread = rng.uniform(0.17, 0.26)
    height = 1.5 * radius
    apex, base = (0.0, -height * 0.62), height * 0.38
    left, right = (-height * math.tan(half_apex), base), (height * math.tan(half_apex), base)
    entry = _between(left, apex, rise)
    inward = (math.cos(half_apex), math.sin(half_apex))
    angle = math.asin(index * math.sin(half_apex)) - half_apex
    ahead = (math.cos(angle), -math.sin(angle))
    paths: list[tuple[Point, Point]] = []
    for step in range(slivers + 1):
        n = index - spread / 2 + spread * step / slivers
        inside = _refracted(ahead, (-inward[0], -inward[1]), 1 / n)
        leaving = _meet(entry, inside, apex, right)
        paths.append((leaving, _refracted(inside, (-inward[0], inward[1]), n)))
    wedges: list[Wedge] = []
    for step in range(slivers):
        (first, out), (second, out2) = paths[step], paths[step + 1]
        hue = _RED + (_VIOLET - _RED) * step / (slivers - 1)
        wedges.append(Wedge(tuple(map(place, (entry, first, second))), hue, 0.42))
        corners = (first, second, _along(second, out2, _FAR), _along(first, out, _FAR))
        wedges.append(Wedge(tuple(map(place, corners)), hue, 1.0))
    mirror = _reflected(ahead, inward)
    return Scene(
        glass=tuple(map(place, (left, apex, right))),
        facets=(),
        rays=(
            Ray(place(_along(entry, ahead, -_FAR)), place(entry), 0.011, 1.0),
            Ray(place(entry), place(_along(entry, mirror, _FAR)), 0.006, 0.22),
        ),
        wedges=tuple(wedges),
        focus=place(paths[slivers // 2][0]),
    )


def _cube(rng: Random, slivers: int, place: Callable[[Point], Point]) -> Scene:
    """A beam meets the half-silvered diagonal: part goes on, part goes off at a right angle, each a spectrum."""
    half = rng.uniform(0.15, 0.19)
    opening = math.radians(rng.uniform(9, 15))
    corners = ((-half, -half), (half, -half), (half, half), (-half, half))
    centre = (0.0, 0.0)
    wedges: list[Wedge] = []
    for heading, first_hue, last_hue, strength in ((0.0, 0.0, 0.30, 1.0), (-math.pi / 2, 0.79, 0.46, 1.0)):
        edge = _along(centre, (math.cos(heading), math.sin(heading)), half)
        for step in range(slivers):
            low = heading + opening * (2 * step / slivers - 1)
            high = heading + opening * (2 * (step + 1) / slivers - 1)
            far = tuple(_along(edge, (math.cos(a), math.sin(a)), _FAR) for a in (low, high))
            hue = first_hue + (last_hue - first_hue) * step / (slivers - 1)
            wedges.append(Wedge(tuple(map(place, (edge, *far))), hue, strength))
    rays = [
        Ray(place((-_FAR, 0.0)), place(centre), 0.011, 1.0),
        Ray(place(centre), place((half, 0.0)), 0.009, 0.8),
        Ray(place(centre), place((0.0, -half)), 0.009, 0.8),
    ]
    return Scene(
        glass=tuple(map(place, corners)),
        facets=((place((-half, half)), place((half, -half))),),
        rays=tuple(rays),
        wedges=tuple(wedges),
        focus=place((half / 2, -half / 2)),
    )


def _refracted(ray: Point, normal: Point, ratio: float) -> Point:
    """Snell's law for unit vectors; `normal` points towards where the ray comes from."""
    cosine = -(ray[0] * normal[0] + ray[1] * normal[1])
    bent = math.sqrt(max(0.0, 1 - ratio * ratio * (1 - cosine * cosine)))
    along = ratio * cosine - bent
    return ratio * ray[0] + along * normal[0], ratio * ray[1] + along * normal[1]


def _reflected(ray: Point, normal: Point) -> Point:
    twice = 2 * (ray[0] * normal[0] + ray[1] * normal[1])
    return ray[0] - twice * normal[0], ray[1] - twice * normal[1]


def _meet(start: Point, ray: Point, first: Point, second: Point) -> Point:
    """Return where a ray crosses the line through two points."""
    edge = second[0] - first[0], second[1] - first[1]
    across = ray[0] * edge[1] - ray[1] * edge[0]
    distance = ((first[0] - start[0]) * edge[1] - (first[1] - start[1]) * edge[0]) / across
    return _along(start, ray, distance)


def _along(start: Point, ray: Point, distance: float) -> Point:
    return start[0] + ray[0] * distance, start[1] + ray[1] * distance


def _between(first: Point, second: Point, share: float) -> Point:
    return first[0] + (second[0] - first[0]) * share, first[1] + (second[1] - first[1]) * share
