"""How much a target that is in trouble may be asked again: a share of what is in flight, and a purse that refills."""

from strategies.node import Cause, Failure

_SHARE = 0.2
_FLOOR = 3
_PEAK_SECONDS = 10.0
_PURSE = 100.0
_REFILL = 0.5
"""A second."""
_HEDGES = 10.0
_HEDGE_SHARE = 0.05

_COSTS = {Cause.UNREACHABLE: 2.5, Cause.TIMEOUT: 20.0, Cause.INCOMPLETE: 20.0, Cause.EMPTY: 20.0}
_COST = 5.0


class RetryBudget:
    """Bounds the tries after the first, and the hedges, of all requests to one target together."""

    __slots__ = ("_before", "_hedges", "_peak", "_peak_since", "_purse", "_told", "in_flight", "repeats")

    def __init__(self) -> None:
        """Begin with all of it."""
        self.in_flight = 0
        """First tries that are under way."""
        self.repeats = 0
        """Tries after the first, and hedges, that are under way or wait."""
        self._purse = _PURSE
        self._told = 0.0
        self._hedges = _HEDGES
        self._peak = self._before = 0
        self._peak_since = 0.0

    def begin(self, now: float) -> None:
        """Note a first try."""
        self.in_flight += 1
        if self._hedges < _HEDGES:
            self._hedges = min(_HEDGES, self._hedges + _HEDGE_SHARE)
        age = now - self._peak_since
        if age >= _PEAK_SECONDS:
            self._before, self._peak, self._peak_since = self._peak if age < 2 * _PEAK_SECONDS else 0, 0, now
        self._peak = max(self._peak, self.in_flight)

    def end(self, *, well: bool) -> None:
        """Note that a first try has ended."""
        self.in_flight -= 1
        if well and self._purse < _PURSE:
            self._purse = min(_PURSE, self._purse + 1)

    def permits(self, failure: Failure, now: float) -> bool:
        """Whether there may be another try after the failure; if so it counts until it is over, its wait included."""
        return self._take(_COSTS.get(failure.cause, _COST), now)

    def permits_hedge(self, now: float) -> bool:
        """Whether a slow first try may be joined by a second; counts like a retry."""
        if self._hedges < 1 or not self._take(_COST, now):
            return False
        self._hedges -= 1
        return True

    def spend(self, failure: Failure) -> None:
        """Note that another target is asked after the failure: it draws on the same purse, and is never refused."""
        self._purse = max(0.0, self._purse - _COSTS.get(failure.cause, _COST))

    def over(self, failure: Failure | None = None) -> None:
        """Note that a try after the first is over; after a success its cost is returned, unless money may be gone."""
        self.repeats -= 1
        if failure is not None and not failure.billable:
            self._purse = min(_PURSE, self._purse + _COSTS.get(failure.cause, _COST))

    def _take(self, cost: float, now: float) -> bool:
        self._purse = min(_PURSE, self._purse + max(now - self._told, 0.0) * _REFILL)
        self._told = now
        most = max(_FLOOR, _SHARE * max(self.in_flight, self._peak, self._before))
        if self.repeats + 1 > most or self._purse < cost:
            return False
        self.repeats += 1
        self._purse -= cost
        return True
