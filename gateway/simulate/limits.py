"""Says of a simulation that would not end, or not fit into memory, what to change, before it begins."""

from gateway.compile import retry_rule
from gateway.config.spec import DEFAULT_DEADLINE, ConfigSpec, leaves
from gateway.simulate.traffic import Traffic
from gateway.simulate.unusable import Unusable

REQUESTS = 10_000
"""As many are simulated where nobody says otherwise, unless a log holds fewer."""
MOST_REQUESTS = 1_000_000
_MOST_ATTEMPTS = 20_000_000
_MOST_AT_ONCE = 100_000
"""Each takes about 10 KiB."""
_LONGEST = 31_622_400.0
"""A leap year, in seconds."""


def count_of(traffic: Traffic, requests: int | None) -> int:
    """Return how many requests are simulated."""
    return min(REQUESTS, traffic.most or REQUESTS) if requests is None else requests


def check_limits(spec: ConfigSpec, traffic: Traffic, requests: int) -> None:
    """Raise `Unusable` for a simulation that nobody would wait for."""
    if not 1 <= requests <= MOST_REQUESTS:
        raise Unusable(f"{requests:,} requests cannot be simulated; ask for 1 to {MOST_REQUESTS:,}.")
    if traffic.most is not None and requests > traffic.most:
        raise Unusable(f"the log holds {traffic.most:,} requests, not {requests:,}; ask for as many at most.")
    attempts = requests * sum(1 + retry_rule(target).attempts for target in leaves(spec.root))
    if attempts > _MOST_ATTEMPTS:
        raise Unusable(
            f"{requests:,} requests at this config may take {attempts:,} attempts, and {_MOST_ATTEMPTS:,} are the "
            "limit; simulate fewer requests."
        )
    lasts = traffic.lasts(requests)
    if lasts > _LONGEST:
        raise Unusable(
            f"it would take {lasts / 86_400:,.0f} days until {requests:,} requests have come, and 366 are the limit; "
            "raise the rate, or simulate fewer requests."
        )
    deadline = spec.root.deadline or DEFAULT_DEADLINE
    at_once = traffic.at_once(deadline, requests)
    if at_once > _MOST_AT_ONCE:
        raise Unusable(
            f"up to {at_once:,.0f} requests may be under way at once (all that come within the deadline of "
            f"{deadline:g} s), and memory holds {_MOST_AT_ONCE:,}; lower the rate, or simulate fewer requests."
        )
