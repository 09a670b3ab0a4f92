"""The circuit breaker alone: a state machine without a clock."""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from strategies import Cause
from strategies.breaker import DEFAULT_BREAKER, Breaker, BreakerRule
from tests.strategies.scripted import LONGEST, REFUSED, SHORTEST, UNREACHABLE, UNSUPPORTED, Draw, error, failure

SOON = 1e9
"""Until when attempts may last, where it does not matter."""
EVEN = Draw(SHORTEST)
"""Bars last exactly as long as they are meant to."""


def attempt(breaker, now, *, well, rng=EVEN):
    lease = breaker.enter(now, SOON)
    assert lease is not None, f"barred at {now}"
    breaker.leave(lease, now, rng, well=well)


def fail(breaker, now, times=1, rng=EVEN):
    for _ in range(times):
        attempt(breaker, now, well=False, rng=rng)


def opened(now=0.0, rule=DEFAULT_BREAKER):
    breaker = Breaker(rule)
    fail(breaker, now, rule.consecutive)
    return breaker


def is_barred(breaker, now):
    lease = breaker.enter(now, SOON)
    if lease is not None:
        breaker.leave(lease, now, EVEN, well=None)
    return lease is None


def test_the_fifth_failure_in_a_row_opens_it_for_fifteen_seconds():
    breaker = Breaker()
    fail(breaker, 0.0, 4)
    assert not is_barred(breaker, 0.0)
    fail(breaker, 0.0)
    assert is_barred(breaker, 0.0)
    assert is_barred(breaker, 14.999)
    assert not is_barred(breaker, 15.0)


def test_bars_last_up_to_a_tenth_longer_and_never_shorter():
    for seed in range(200):
        breaker, rng = Breaker(), random.Random(seed)
        fail(breaker, 0.0, 5, rng)
        assert is_barred(breaker, 14.999)
        assert not is_barred(breaker, 16.501)


def test_one_success_makes_a_row_begin_anew():
    breaker = Breaker(BreakerRule(share=None))
    for _ in range(20):
        fail(breaker, 0.0, 4)
        attempt(breaker, 0.0, well=True)
    assert not is_barred(breaker, 0.0)


def test_half_of_ten_outcomes_open_it_even_if_they_take_turns():
    breaker = Breaker()
    for number in range(9):
        attempt(breaker, number, well=number % 2 == 0)
    assert not is_barred(breaker, 9.0)
    fail(breaker, 9.0)
    assert is_barred(breaker, 9.0)


def test_less_than_half_does_not():
    breaker = Breaker()
    for number in range(300):
        attempt(breaker, number / 10, well=number % 5 not in {1, 3})
    assert not is_barred(breaker, 30.0)


def test_outcomes_older_than_two_minutes_are_forgotten():
    breaker = Breaker(BreakerRule(consecutive=None))
    fail(breaker, 0.0, 9)
    fail(breaker, 121.0, 9)
    assert not is_barred(breaker, 121.0)
    fail(breaker, 121.0)
    assert is_barred(breaker, 121.0)


def test_outcomes_of_the_last_110_seconds_are_not():
    breaker = Breaker(BreakerRule(consecutive=None))
    fail(breaker, 1.0, 9)
    fail(breaker, 111.0)
    assert is_barred(breaker, 111.0)


def bars(breaker, times, rng=EVEN):
    """Fail each probe at once, and return how long each bar lasted, as told by a search to the millisecond."""
    now, lasted = 0.0, []
    fail(breaker, now, 5, rng)
    for _ in range(times):
        low, high = 0.0, 1000.0
        while high - low > 0.001:
            middle = (low + high) / 2
            low, high = (middle, high) if is_barred(breaker, now + middle) else (low, middle)
        lasted.append(round(high, 2))
        now += high
        fail(breaker, now, rng=rng)
    return lasted


def test_the_first_four_bars_in_a_row_last_as_long_and_then_they_double_to_two_minutes():
    assert bars(Breaker(), 9) == [15, 15, 15, 15, 30, 60, 120, 120, 120]


def test_a_cooldown_of_a_millisecond_doubles_too_and_one_longer_than_two_minutes_stays():
    assert bars(Breaker(BreakerRule(cooldown=0.5)), 14)[3:] == [0.5, 1, 2, 4, 8, 16, 32, 64, 120, 120, 120]
    assert bars(Breaker(BreakerRule(cooldown=300)), 7) == [300] * 7


@pytest.mark.parametrize("cooldown", [0.001, 15.0, 3600.0])
def test_a_target_may_stay_dead_for_months(cooldown):
    breaker, now = opened(rule=BreakerRule(cooldown=cooldown)), 0.0
    for _ in range(5000):
        now += max(140, cooldown * 1.2)
        fail(breaker, now)
    assert is_barred(breaker, now + max(120, cooldown) - 0.01)
    assert not is_barred(breaker, now + max(120, cooldown) + 0.01)


def test_after_it_closed_bars_are_short_again():
    breaker, now = opened(), 0.0
    for _ in range(6):
        now += 200
        fail(breaker, now)
    attempt(breaker, now + 200, well=True)
    attempt(breaker, now + 200, well=True)
    fail(breaker, now + 200, 5)
    assert is_barred(breaker, now + 214.9)
    assert not is_barred(breaker, now + 215.0)


def test_one_probe_at_a_time_and_two_successes_close_it():
    breaker = opened()
    probe = breaker.enter(20.0, SOON)
    assert breaker.enter(20.0, SOON) is None
    breaker.leave(probe, 21.0, EVEN, well=True)
    second = breaker.enter(21.0, SOON)
    assert breaker.enter(21.0, SOON) is None, "one success is not enough"
    breaker.leave(second, 22.0, EVEN, well=True)
    assert breaker.enter(22.0, SOON) is breaker.enter(22.0, SOON) is not None


def test_one_failed_probe_opens_it_again_even_after_a_good_one():
    breaker = opened()
    attempt(breaker, 15.0, well=True)
    fail(breaker, 15.0)
    assert is_barred(breaker, 29.9)
    attempt(breaker, 30.0, well=True)
    assert breaker.enter(30.0, SOON).probe, "two in a row are needed"


def test_a_probe_that_says_nothing_makes_room_for_the_next():
    """Case 42, first half: the caller of the probe leaves."""
    breaker = opened()
    for _ in range(3):
        probe = breaker.enter(20.0, SOON)
        assert probe is not None
        breaker.leave(probe, 20.0, EVEN, well=None)


def test_a_probe_that_hangs_holds_the_lease_only_until_it_should_have_ended():
    """Case 42, second half: nobody gives it back."""
    breaker = opened()
    hanging = breaker.enter(20.0, 85.0)
    assert breaker.enter(84.9, SOON) is None
    probe = breaker.enter(85.0, SOON)
    assert probe is not None
    breaker.leave(hanging, 86.0, EVEN, well=None)
    assert breaker.enter(86.0, SOON) is None, "a late leave does not free the lease of another"


def test_what_began_before_it_opened_closes_and_opens_nothing():
    breaker = Breaker()
    stale = [breaker.enter(0.0, SOON) for _ in range(20)]
    fail(breaker, 0.0, 5)
    for lease in stale[:10]:
        breaker.leave(lease, 14.0, EVEN, well=False)
    assert not is_barred(breaker, 15.0), "failures while it is open never extend the bar"
    attempt(breaker, 15.0, well=True)
    attempt(breaker, 15.0, well=True)
    for lease in stale[10:]:
        breaker.leave(lease, 16.0, EVEN, well=False)
    assert not is_barred(breaker, 16.0)


def test_but_a_late_success_ends_the_waiting_and_closes_nothing():
    breaker = Breaker()
    stale = breaker.enter(0.0, SOON)
    fail(breaker, 0.0, 5)
    breaker.leave(stale, 3.0, EVEN, well=True)
    assert breaker.enter(3.0, SOON).probe


def test_who_passes_although_it_is_open_extends_nothing_and_may_bring_good_news():
    breaker = opened()
    breaker.leave(breaker.bypass(), 10.0, EVEN, well=False)
    assert not is_barred(breaker, 15.0)
    breaker = opened()
    breaker.leave(breaker.bypass(), 10.0, EVEN, well=True)
    assert breaker.enter(10.0, SOON).probe


SECONDS = 30.0


@pytest.mark.parametrize(
    ("rule", "failed", "seconds", "counts"),
    [
        pytest.param(DEFAULT_BREAKER, UNREACHABLE, 0, True, id="no connection"),
        pytest.param(DEFAULT_BREAKER, error(500), 0, True, id="an error of the provider"),
        pytest.param(DEFAULT_BREAKER, failure(Cause.TIMEOUT), SECONDS, True, id="a timeout"),
        pytest.param(DEFAULT_BREAKER, failure(Cause.INCOMPLETE), SECONDS, True, id="a cut answer"),
        pytest.param(DEFAULT_BREAKER, error(429), 0, False, id="a rate limit"),
        pytest.param(DEFAULT_BREAKER, failure(Cause.RATE_LIMITED, 503), 0, False, id="a rate limit that is a 503"),
        pytest.param(DEFAULT_BREAKER, REFUSED, 0, False, id="a refusal"),
        pytest.param(DEFAULT_BREAKER, failure(Cause.INVALID, 400), 0, False, id="an invalid request"),
        pytest.param(DEFAULT_BREAKER, failure(Cause.AUTH, 401), 0, False, id="a rejected key"),
        pytest.param(DEFAULT_BREAKER, failure(Cause.EMPTY), SECONDS, False, id="no picture"),
        pytest.param(DEFAULT_BREAKER, UNSUPPORTED, 0, False, id="what cannot be expressed"),
        pytest.param(DEFAULT_BREAKER, failure(Cause.BUDGET), 0, False, id="a ceiling of ours"),
        pytest.param(DEFAULT_BREAKER, failure(Cause.DEADLINE), 59.9, False, id="a deadline that was short"),
        pytest.param(DEFAULT_BREAKER, failure(Cause.DEADLINE), 60, True, id="a deadline that was patient"),
        pytest.param(
            DEFAULT_BREAKER, failure(Cause.DEADLINE, reached=False), 60, False, id="a deadline before it was reached"
        ),
        pytest.param(
            DEFAULT_BREAKER, failure(Cause.UNREACHABLE, skipped=True), 0, False, id="what was never tried is no failure"
        ),
        pytest.param(BreakerRule(codes=frozenset({500})), error(500), 0, True, id="a listed code"),
        pytest.param(BreakerRule(codes=frozenset({500})), error(503), 0, False, id="a code that is not listed"),
        pytest.param(BreakerRule(codes=frozenset({429})), error(429), 0, True, id="whoever lists 429 means it"),
        pytest.param(BreakerRule(codes=frozenset({503})), UNREACHABLE, 0, True, id="no connection is a 503"),
        pytest.param(BreakerRule(codes=frozenset({422})), UNSUPPORTED, 0, False, id="never what was not sent"),
        pytest.param(
            BreakerRule(codes=frozenset({504})), failure(Cause.DEADLINE), 1, False, id="never a caller in a hurry"
        ),
        pytest.param(
            BreakerRule(codes=frozenset({504})), failure(Cause.DEADLINE), 60, True, id="but one who was patient"
        ),
    ],
)
def test_what_counts_as_a_failure(rule, failed, seconds, counts):
    assert rule.counts(failed, seconds) is counts


class AgainstAModel(RuleBasedStateMachine):
    """The breaker beside a model of it: a list of outcomes, and three words for what it is."""

    def __init__(self):
        super().__init__()
        self.breaker = Breaker()
        self.now = 0.0
        self.state = "closed"
        self.generation = self.opens = self.well = self.row = 0
        self.until = 0.0
        self.outcomes = []
        self.leases = []
        """(lease, generation, kind) of attempts that are under way."""
        self.probe = None
        self.longest = Draw(LONGEST)

    @rule(seconds=some.sampled_from([0.0, 0.1, 1.0, 5.0, 14.9, 16.5, 40.0, 130.0]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule()
    def someone_comes(self):
        lease = self.breaker.enter(self.now, self.now + 30.0)
        if self.state == "closed":
            assert lease is not None
            assert not lease.probe
            self.leases.append((lease, self.generation, "ordinary"))
        elif self.now < self.until or (self.probe is not None and self.now < self.probe[1]):
            assert lease is None
        else:
            assert lease is not None
            assert lease.probe
            self.probe = (lease, self.now + 30.0)
            self.leases.append((lease, self.generation, "probe"))

    @precondition(lambda self: self.state == "open")
    @rule()
    def someone_has_no_way_out(self):
        self.leases.append((self.breaker.bypass(), self.generation, "bypass"))

    @precondition(lambda self: self.leases)
    @rule(data=some.data(), well=some.sampled_from([True, False, False, False, None]))
    def someone_is_done(self, data, well):
        lease, generation, kind = self.leases.pop(data.draw(some.integers(0, len(self.leases) - 1)))
        self.breaker.leave(lease, self.now, self.longest, well=well)
        if self.probe is not None and self.probe[0] is lease:
            self.probe = None
        if well is None:
            return
        if self.state == "open" and kind == "probe" and generation == self.generation:
            self._concludes(well)
        elif self.state == "open":
            self.until = min(self.until, self.now) if well else self.until
        elif generation == self.generation:
            self._counts(well)

    def _concludes(self, well):
        self.well += 1
        if not well:
            self._opens()
        elif self.well == 2:
            self.state = "closed"
            self.opens = self.well = self.row = 0
            self.outcomes = []
            self.generation += 1

    def _counts(self, well):
        self.outcomes.append((self.now, well))
        self.row = 0 if well else self.row + 1
        # Outcomes are counted in slices of ten seconds.
        recent = [good for at, good in self.outcomes if int(at / 10) > int(self.now / 10) - 12]
        if not well and (self.row >= 5 or (len(recent) >= 10 and recent.count(False) * 2 >= len(recent))):
            self._opens()

    def _opens(self):
        bar = 15.0 if self.opens < 4 else min(120.0, 15.0 * 2 ** (self.opens - 3))
        self.state, self.until = "open", self.now + bar * 1.1
        self.opens += 1
        self.generation += 1
        self.well = self.row = 0
        self.outcomes, self.probe = [], None

    @invariant()
    def no_probe_is_lost(self):
        assert (self.breaker._probe is None) == (self.probe is None)


AgainstAModel.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None, database=None)
TestTheBreakerDoesAsItsModelSays = AgainstAModel.TestCase
