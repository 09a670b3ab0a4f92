"""How long a provider takes: a draw from 0 to 1 becomes seconds."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from gateway.config.reading import Path, Reading
from gateway.simulate.fields import fields, number, number_in

_DRAW = NormalDist().inv_cdf
_P95 = _DRAW(0.95)
_MS = (0.0, 3_600_000.0)
_LONGEST = 86_400.0
"""No request waits so long, and a log-normal draw has no end of its own."""


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution of seconds: log-normal by its median and its 95th percentile, or even between two bounds."""

    low: float
    high: float
    even: bool = False

    def seconds(self, draw: float) -> float:
        """Return how long one answer takes; the draw is above 0 and below 1."""
        if self.low == self.high:
            return self.low
        if self.even:
            return self.low + (self.high - self.low) * draw
        return min(self.low * math.exp(math.log(self.high / self.low) / _P95 * _DRAW(draw)), _LONGEST)


USUAL = Latency(8.0, 16.0)
"""Where nothing is said: half of all pictures take less than 8 s, one in twenty more than 16 s."""


def read_latency(value: object, path: Path, reading: Reading) -> Latency:
    """Return what is written in milliseconds: a number, `p50` and `p95`, or `min` and `max`."""
    if not isinstance(value, dict):
        seconds = number_in(value, path, reading, _MS) / 1000
        return Latency(seconds, seconds)
    names = ("min", "max") if "min" in value or "max" in value else ("p50", "p95")
    node = fields(value, path, reading, names, *names)
    low, high = (number(node, name, path, reading, _MS) / 1000 for name in names)
    if high < low:
        reading.report(path, f"`{names[1]}` must not be less than `{names[0]}`.")
        return Latency(low, low)
    if names[0] == "p50" and high > low <= 0:
        reading.report(path, "`p50` must be more than 0, or give `min` and `max`.")
        return Latency(high, high)
    return Latency(low, high, even=names[0] == "min")
