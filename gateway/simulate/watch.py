"""Watches breakers: when each opened, and until when it was open."""

import random

from strategies import BreakerRule, Health
from strategies.breaker import Breaker, Lease

Stretch = tuple[float, float]
"""From when until when, in seconds of the simulation."""


class Watch:
    """What happened to the breakers of all targets."""

    def __init__(self) -> None:
        """Know no target."""
        self._seen: dict[Health, tuple[_Watched, set[str]]] = {}

    def see(self, health: Health, path: str) -> None:
        """Watch the breaker of a target from now on."""
        seen = self._seen.get(health)
        if seen is None:
            health.breaker = watched = _Watched(health.rule)
            self._seen[health] = watched, {path}
        elif path not in seen[1]:
            seen[1].add(path)

    def openings(self, path: str, now: float) -> list[Stretch]:
        """Return when a target was left alone because it kept failing."""
        return [
            (begins, now if ends is None else ends)
            for watched, paths in self._seen.values()
            if path in paths
            for begins, ends in watched.openings
        ]


class _Watched(Breaker):
    """A breaker that remembers when it opened."""

    __slots__ = ("openings",)

    def __init__(self, rule: BreakerRule) -> None:
        super().__init__(rule)
        self.openings: list[tuple[float, float | None]] = []

    def leave(self, lease: Lease, now: float, rng: random.Random, *, well: bool | None) -> None:
        before = self.bypass().generation
        super().leave(lease, now, rng, well=well)
        if self.bypass().generation == before:
            return
        if self.openings and self.openings[-1][1] is None:
            self.openings[-1] = self.openings[-1][0], now
        if not well:
            self.openings.append((now, None))


def covered(stretches: list[Stretch]) -> list[Stretch]:
    """Return the same time in stretches that do not overlap."""
    whole: list[Stretch] = []
    for begins, ends in sorted(stretches):
        if whole and begins <= whole[-1][1]:
            whole[-1] = whole[-1][0], max(whole[-1][1], ends)
        else:
            whole.append((begins, ends))
    return whole
