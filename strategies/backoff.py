"""How long to wait before trying the same target again."""

import random
from dataclasses import dataclass

from strategies.node import Cause, Failure

_RETRY_AFTER_SPREAD = 0.1
"""A wait that a provider asked for is stretched by up to this share, so that callers do not return as one."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential back-off with full jitter."""

    base: float = 0.5
    rate_limited_base: float = 1.0
    cap: float = 8.0

    def wait(self, failure: Failure, retries: int, rng: random.Random) -> float:
        """Seconds before the next try, after that many retries."""
        return rng.uniform(0.0, self.longest(retries, rate_limited=failure.cause is Cause.RATE_LIMITED))

    def longest(self, retries: int, *, rate_limited: bool) -> float:
        """Return the most seconds before the next try."""
        base = self.rate_limited_base if rate_limited else self.base
        return min(self.cap, base * 2.0**retries)

    def honour(self, retry_after: float, rng: random.Random) -> float:
        """Seconds to wait where the provider said how long: never less than it asked for."""
        return retry_after * rng.uniform(1.0, 1.0 + _RETRY_AFTER_SPREAD)


DEFAULT_BACKOFF = Backoff()
