"""When a target is left alone because it keeps failing, and when it is taken back: a state machine without a clock."""

import random
from dataclasses import dataclass

from strategies.node import Cause, Failure

_WINDOW_SECONDS = 120.0
_SLICES = 12
_SLICE_SECONDS = _WINDOW_SECONDS / _SLICES
_LONGEST_COOLDOWN = 120.0
_OPENS_BEFORE_DOUBLING = 4
_MOST_DOUBLINGS = 20
"""From a millisecond to more than two minutes; a target may stay dead for weeks, and numbers have an end."""
_SPREAD = 0.1
"""Bars last up to this share longer, never shorter, so that workers do not probe as one."""
_SUCCESSES_TO_CLOSE = 2
_PATIENCE_SECONDS = 60.0
"""A request's deadline that passes counts against the target only if it left it as long as this."""

_SICK = frozenset({Cause.UNREACHABLE, Cause.PROVIDER_ERROR, Cause.TIMEOUT, Cause.INCOMPLETE})


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """What `cb_config:` says."""

    consecutive: int | None = 5
    """Failures in a row that open it."""
    share: float | None = 0.5
    """Share of failures that opens it, once there are `minimum` outcomes in two minutes."""
    minimum: int = 10
    cooldown: float = 15.0
    """Seconds it stays open; doubled from the fifth time in a row, to two minutes or this, whichever is more."""
    codes: frozenset[int] | None = None
    """Statuses that count as failures; `None`: what a sick target does, whatever the status."""

    def counts(self, failure: Failure, seconds: float) -> bool:
        """Whether a failure, after so many seconds, says that the target is sick."""
        if failure.skipped or failure.cause is Cause.UNSUPPORTED:
            return False
        if failure.cause is Cause.DEADLINE and not (failure.reached and seconds >= _PATIENCE_SECONDS):
            return False
        if self.codes is not None:
            return failure.seen_status in self.codes
        return failure.cause in _SICK or failure.cause is Cause.DEADLINE


DEFAULT_BREAKER = BreakerRule()


@dataclass(frozen=True, slots=True, eq=False)
class Lease:
    """Leave to make one attempt; whoever has it gives it back with what came of it."""

    generation: int
    probe: bool = False


class Breaker:
    """Closed, open, or half open: then one attempt at a time finds out whether the target is well again."""

    __slots__ = ("_in_a_row", "_lease", "_opens", "_probe", "_probe_until", "_rule", "_slices", "_until", "_well")

    def __init__(self, rule: BreakerRule = DEFAULT_BREAKER) -> None:
        """Begin closed."""
        self._rule = rule
        self._lease = Lease(0)
        self._until: float | None = None
        self._in_a_row = 0
        self._opens = 0
        self._well = 0
        self._probe: Lease | None = None
        self._probe_until = 0.0
        self._slices: dict[int, list[int]] = {}
        """Number of a slice of time → what ended well in it, and what did not; only those that had anything."""

    def enter(self, now: float, until: float) -> Lease | None:
        """Return leave for an attempt that ends by `until`, or `None` where it is barred."""
        if self._until is None:
            return self._lease
        if now < self._until or self._is_probed(now):
            return None
        self._probe = Lease(self._lease.generation, probe=True)
        self._probe_until = until
        return self._probe

    def bypass(self) -> Lease:
        """Return leave for an attempt although it is barred, as nothing else is left to try."""
        return self._lease

    def open_for(self, now: float) -> float | None:
        """Return for how many seconds it stays open; 0 while it is half open, `None` where it is closed."""
        return None if self._until is None else max(self._until - now, 0.0)

    def leave(self, lease: Lease, now: float, rng: random.Random, *, well: bool | None) -> None:
        """Take leave back: the target turned out well, or sick, or neither can be said."""
        if self._probe is lease:
            self._probe = None
        if well is None:
            return
        if self._until is None and lease.generation == self._lease.generation:
            self._count(now, rng, well=well)
        elif lease.generation != self._lease.generation:
            self._hear_late(now, well=well)
        elif lease.probe:
            self._conclude(now, rng, well=well)
        else:
            self._hear_late(now, well=well)

    def _hear_late(self, now: float, *, well: bool) -> None:
        """What began before the breaker opened closes and opens nothing, but good news ends the waiting."""
        if well and self._until is not None:
            self._until = min(self._until, now)

    def _count(self, now: float, rng: random.Random, *, well: bool) -> None:
        number = int(now / _SLICE_SECONDS)
        current = self._slices.get(number)
        if current is None:
            self._slices = {each: told for each, told in self._slices.items() if each > number - _SLICES}
            current = self._slices[number] = [0, 0]
        if well:
            current[0] += 1
            self._in_a_row = 0
            return
        current[1] += 1
        self._in_a_row += 1
        rule = self._rule
        if (rule.consecutive is not None and self._in_a_row >= rule.consecutive) or self._is_bad_share(number):
            self._open(now, rng)

    def _is_bad_share(self, number: int) -> bool:
        rule = self._rule
        recent = [told for each, told in self._slices.items() if each > number - _SLICES]
        good, bad = sum(told[0] for told in recent), sum(told[1] for told in recent)
        return rule.share is not None and good + bad >= rule.minimum and bad >= rule.share * (good + bad)

    def _conclude(self, now: float, rng: random.Random, *, well: bool) -> None:
        if not well:
            self._open(now, rng)
            return
        self._well += 1
        if self._well >= _SUCCESSES_TO_CLOSE:
            self._lease = Lease(self._lease.generation + 1)
            self._until = None
            self._opens = 0
            self._forget()

    def _open(self, now: float, rng: random.Random) -> None:
        doubled = min(max(0, self._opens - _OPENS_BEFORE_DOUBLING + 1), _MOST_DOUBLINGS)
        cooldown = self._rule.cooldown
        seconds = min(cooldown * 2.0**doubled, max(_LONGEST_COOLDOWN, cooldown))
        self._lease = Lease(self._lease.generation + 1)
        self._until = now + seconds * rng.uniform(1.0, 1.0 + _SPREAD)
        self._opens += 1
        self._probe = None
        self._forget()

    def _forget(self) -> None:
        self._in_a_row = self._well = 0
        self._slices = {}

    def _is_probed(self, now: float) -> bool:
        return self._probe is not None and now < self._probe_until
