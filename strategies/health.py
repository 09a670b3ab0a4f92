"""What is known of one target across requests: whether it is sick, asked to be left alone, busy or slow."""

import asyncio
import math
from collections.abc import Callable
from typing import Literal

from strategies.breaker import DEFAULT_BREAKER, Breaker, BreakerRule
from strategies.node import Cause, Failure, Outcome, Success
from strategies.retry_budget import RetryBudget

LONGEST_THROTTLE = 600.0
_DECAY_SECONDS = 10.0
_IDLE_DECAY_SECONDS = 60.0
_UNANSWERED_SECONDS = 60.0
"""What a failed attempt is taken for: a target that fails at once is not a quick one."""
_REMEMBERED = 128
_ENOUGH = 20
"""Answers that are needed before anything is said of how long they take."""

State = Literal["well", "trying", "sick", "left alone"]

# What is wrong with the request, or with the time its caller gives it, says nothing about the target.
_SAYS_NOTHING = frozenset({Cause.POLICY, Cause.INVALID, Cause.UNSUPPORTED, Cause.BUDGET, Cause.DEADLINE})


class Health:
    """Lives as long as the process, is shared by all configs that lead to the same target, and survives reloads."""

    __slots__ = (
        *("_latencies", "_latency", "_measured", "_tell", "breaker", "budget"),
        *("in_flight", "rule", "slots", "throttled"),
    )

    def __init__(
        self,
        rule: BreakerRule = DEFAULT_BREAKER,
        most_at_once: int | None = None,
        tell: Callable[[float], None] | None = None,
    ) -> None:
        """Begin well and idle; `tell` passes on for how many seconds the target asks to be left alone."""
        self.rule = rule
        self._tell = tell
        self.breaker = Breaker(rule)
        self.budget = RetryBudget()
        self.slots = None if most_at_once is None else asyncio.Semaphore(most_at_once)
        self.throttled = -math.inf
        """Until when the target asked to be left alone, on the loop's clock."""
        self.in_flight = 0
        self._latency = 0.0
        self._measured = -math.inf
        self._latencies: list[float] = []  # thousands of targets may be known: most of them have few answers

    @property
    def load(self) -> float:
        """Expected wait, for choosing between targets: the recent latency, times what is under way.

        An idle target is forgiven as time passes, so that it is tried again; what is not known yet is tried by one
        request at a time.
        """
        if self.in_flight:
            return (self._latency if self._is_known else _UNANSWERED_SECONDS) * (self.in_flight + 1)
        now = asyncio.get_running_loop().time()
        return self._latency * math.exp((self._measured - now) / _IDLE_DECAY_SECONDS)

    @property
    def latency(self) -> float | None:
        """Seconds within which half of the last answers came, where there were any."""
        return sorted(self._latencies)[len(self._latencies) // 2] if self._latencies else None

    def told(self, now: float) -> tuple[State, float]:
        """Return how it is, and for how many seconds it is left alone."""
        left_alone = self.throttled - now
        if left_alone > 0:
            return "left alone", left_alone
        open_for = self.breaker.open_for(now)
        if open_for is None:
            return "well", 0.0
        return ("sick", open_for) if open_for else ("trying", 0.0)

    @property
    def _is_known(self) -> bool:
        return self._measured > -math.inf

    @property
    def p95(self) -> float | None:
        """Seconds within which 95 % of the last answers came, once there were enough."""
        if len(self._latencies) < _ENOUGH:
            return None
        return sorted(self._latencies)[int(len(self._latencies) * 0.95)]

    def begin(self, now: float, *, again: bool) -> None:
        """Note that an attempt begins; the budget asks whether the same request made one before."""
        self.in_flight += 1
        if not again:
            self.budget.begin(now)

    def end(self, outcome: Outcome[object] | None, seconds: float, now: float, *, again: bool) -> bool | None:
        """Note what came of it, `None` if it was cancelled; return whether the target is well, where that shows."""
        self.in_flight -= 1
        well: bool | None = True
        if isinstance(outcome, Success):
            self.measure(seconds, now)
        else:
            well = False if outcome is not None and self._counts(outcome, seconds) else None
            self._miss(outcome, seconds, now)
        if not again:
            self.budget.end(well=well is True)
        return well

    def measure(self, seconds: float, now: float) -> None:
        """Note how long an answer took: a slower one counts at once, a faster one as the slower ones grow old."""
        if seconds < self._latency:
            weight = math.exp((self._measured - now) / _DECAY_SECONDS)
            self._latency = self._latency * weight + seconds * (1.0 - weight)
        else:
            self._latency = seconds
        self._measured = now
        self._remember(seconds)

    def _counts(self, failure: Failure, seconds: float) -> bool:
        """Whether a failure says that the target is sick; a limit shorter than most answers take says nothing."""
        p95 = self.p95 if failure.cut_short else None
        return (p95 is None or seconds >= p95) and self.rule.counts(failure, seconds)

    def _miss(self, failure: Failure | None, seconds: float, now: float) -> None:
        """Note an attempt without an answer: one that was left after long counts as slow, one that failed even more."""
        p95 = self.p95
        if p95 is not None and seconds > p95:
            self._remember(seconds)
        if failure is None:
            return
        if failure.cause not in _SAYS_NOTHING and not failure.skipped:
            self._latency = max(self._latency, seconds, _UNANSWERED_SECONDS)
            self._measured = now
        if failure.cause is Cause.RATE_LIMITED and failure.retry_after is not None:
            # It is left alone for as long as it asked.
            pause = min(failure.retry_after, LONGEST_THROTTLE)
            if self._tell is not None and now + pause > self.throttled:
                self._tell(pause)
            self.throttled = max(self.throttled, now + pause)

    def _remember(self, seconds: float) -> None:
        self._latencies.append(seconds)
        if len(self._latencies) > _REMEMBERED:
            del self._latencies[0]
