"""The most that a route can take: attempts, seconds, dollars."""

import itertools
import math
from dataclasses import dataclass

from gateway.compile import retry_rule
from gateway.config.spec import TargetSpec
from gateway.target import AT_ONCE
from strategies import LONGEST_TOTAL_WAIT


@dataclass(frozen=True, slots=True)
class Worst:
    """The most that a node can take, bounded by nothing around it."""

    attempts: int = 0
    seconds: float = 0.0
    prices: tuple[float, ...] = ()
    """Of each attempt, the dearest first; not a number where it is not known."""

    def dollars(self, paid: float) -> float | None:
        """Return what so many attempts cost at most, `None` where that is not known."""
        total = sum(itertools.islice(self.prices, None if math.isinf(paid) else int(paid)))
        return None if math.isnan(total) else round(total, 6)

    def then(self, other: "Worst") -> "Worst":
        """Both, one after the other."""
        prices = sorted((*self.prices, *other.prices), key=_unknown_first)
        return Worst(self.attempts + other.attempts, self.seconds + other.seconds, tuple(prices))

    def or_else(self, other: "Worst") -> "Worst":
        """Either of them, whichever is worse in each respect."""
        pairs = itertools.zip_longest(self.prices, other.prices, fillvalue=0.0)
        prices = (min(pair, key=_unknown_first) for pair in pairs)
        return Worst(max(self.attempts, other.attempts), max(self.seconds, other.seconds), tuple(prices))


def _unknown_first(price: float) -> float:
    return -math.inf if math.isnan(price) else -price


def worst_of(spec: TargetSpec, dearest: float, calls: int = 1) -> Worst:
    """Return the worst of one target, of which one round costs at most so much; a round may take several calls."""
    rule = retry_rule(spec)
    attempts = 1 + rule.attempts
    limit = math.inf if spec.request_timeout is None else spec.request_timeout
    waits = sum(rule.backoff.longest(retries, rate_limited=True) for retries in range(rule.attempts))
    if rule.attempts and rule.use_retry_after:
        waits = LONGEST_TOTAL_WAIT
    rounds = math.ceil(calls / AT_ONCE)
    return Worst(calls * attempts, rounds * (attempts * limit + waits), (dearest,) * attempts)
