"""Plots as SVG: what happened when, drawn from the series of a result."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from gateway.simulate.words import lasting

_WIDTH, _HEIGHT = 640, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 8, 8, 26
_INNER_WIDTH, _INNER_HEIGHT = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
_TICKS = 4
_STRIPE = 16
_MOST_TIMES = 5
_ROUND = (86_400, 3600, 60)
COLOURS = 8
"""How many there are before they begin again."""

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Layer:
    """What one colour shows."""

    name: str
    values: Values
    colour: str
    """A class of the style sheet."""


@dataclass(frozen=True, slots=True)
class Span:
    """The time that a plot shows: the same for all plots of one page."""

    width: float
    """Of one stretch, in seconds."""
    count: int

    def x(self, stretch: float) -> float:
        """Return where a stretch begins."""
        return _LEFT + stretch / self.count * _INNER_WIDTH


def stacked(title: str, layers: Sequence[Layer], span: Span, top: float, unit: str) -> str:
    """Return bars upon bars: one for each stretch of time, one layer upon the other."""
    drawn = []
    below = [0.0] * span.count
    for layer in layers:
        path = []
        for index, value in enumerate(layer.values):
            if value:
                low, high = _y(below[index], top), _y(below[index] + value, top)
                below[index] += value
                path.append(f"M{span.x(index):.1f},{high:.1f}H{span.x(index + 1):.1f}V{low:.1f}H{span.x(index):.1f}z")
        drawn.append(_path(layer, "".join(path), "area"))
    return _plot(title, drawn, span, top, unit)


def lines(title: str, layers: Sequence[Layer], span: Span, top: float, unit: str) -> str:
    """Return one line for each layer, with gaps where nothing is known."""
    drawn = []
    for layer in layers:
        path, on = [], False
        for index, value in enumerate(layer.values):
            if value is not None:
                x, y = span.x(index + 0.5), _y(value, top)
                path.append(f"{'L' if on else 'M'}{x:.1f},{y:.1f}{'' if on else 'h0.01'}")
            on = value is not None
        drawn.append(_path(layer, "".join(path), "line"))
    return _plot(title, drawn, span, top, unit)


def stripes(title: str, rows: Sequence[tuple[str, Sequence[Layer]]], span: Span) -> str:
    """Return one stripe for each row: the stronger its colour, the more of that time it is so."""
    drawn = []
    height = _TOP + len(rows) * (_STRIPE + 6) + _BOTTOM
    for number, (name, layers) in enumerate(rows):
        y = _TOP + number * (_STRIPE + 6)
        label = name if len(name) < 10 else name[:8] + "…"  # noqa: PLR2004 - what there is room for
        drawn.append(f'<text x="{_LEFT - 6}" y="{y + 12}" class="tick end">{escape(label)}</text>')
        drawn.append(f'<rect x="{_LEFT}" y="{y}" width="{_INNER_WIDTH}" height="{_STRIPE}" class="empty"/>')
        for layer in layers:
            bars = "".join(
                f'<rect x="{span.x(index):.1f}" y="{y}" width="{_INNER_WIDTH / span.count:.2f}" height="{_STRIPE}" '
                f'opacity="{max(value, 0.2):.2f}"/>'
                for index, value in enumerate(layer.values)
                if value
            )
            drawn.append(
                f'<g class="area {layer.colour}"><title>{escape(name)}: {escape(layer.name)}</title>{bars}</g>'
            )
    return _svg(title, [*drawn, *_times(span, height)], height)


def nice(top: float) -> float:
    """Return the end of an axis that holds a value: a round number of a power of ten."""
    if top <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(top))
    return next(step * power for step in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0) if step * power >= top * 0.999)


def _plot(title: str, drawn: Sequence[str], span: Span, top: float, unit: str) -> str:
    grid = []
    for index in range(_TICKS + 1):
        value = top * index / _TICKS
        y = _y(value, top)
        grid.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        grid.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="tick end">{escape(unit.format(value))}</text>')
    return _svg(title, [*grid, *drawn, *_times(span, _HEIGHT)], _HEIGHT)


def _svg(title: str, drawn: Sequence[str], height: int) -> str:
    name = escape(title, quote=True)
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{name}">{"".join(drawn)}</svg>'


def _path(layer: Layer, path: str, kind: str) -> str:
    return f'<path class="{kind} {layer.colour}" d="{path or "M0,0"}"><title>{escape(layer.name)}</title></path>'


def _times(span: Span, height: int) -> list[str]:
    step = _step(span)
    return [
        f'<text x="{span.x(index):.1f}" y="{height - 8}" class="tick">{lasting(index * span.width)}</text>'
        for index in range(0, span.count, step)
    ]


def _step(span: Span) -> int:
    """Return every how many stretches a time is said: where that is a whole minute, or hour, or day, if it may be."""
    least = max(math.ceil(span.count / _MOST_TIMES), 1)
    unit = next((unit for unit in _ROUND if unit <= least * span.width), None)
    return next((step for step in range(least, 2 * least) if unit and step * span.width % unit == 0), least)


def _y(value: float, top: float) -> float:
    return _TOP + _INNER_HEIGHT * (1.0 - min(value / top, 1.0))
