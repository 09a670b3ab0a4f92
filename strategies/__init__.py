"""Routing strategies: nodes that hold nodes, generic over request and reply.

This package knows nothing of images, HTTP, JSON or providers. It stands on the standard library, and on
tenacity inside `retry.py` alone.
"""

from strategies.alarm import Alarm, Until
from strategies.attempt import BILLING, Attempt
from strategies.backoff import Backoff
from strategies.breaker import DEFAULT_BREAKER, BreakerRule
from strategies.conditional import NO_ROUTE, Branch, Conditional
from strategies.fallback import Fallback, FallbackRule
from strategies.gate import Gate
from strategies.health import Health
from strategies.hedge import Hedge
from strategies.load_balance import LoadBalance, Preference
from strategies.node import Cause, Context, Failure, Journey, Node, Outcome, Success, Try
from strategies.retry import LONGEST_TOTAL_WAIT, Retry, RetryRule
from strategies.timeout import Deadline, Timeout
from strategies.value import value

__all__ = [
    "BILLING",
    "DEFAULT_BREAKER",
    "LONGEST_TOTAL_WAIT",
    "NO_ROUTE",
    "Alarm",
    "Attempt",
    "Backoff",
    "Branch",
    "BreakerRule",
    "Cause",
    "Conditional",
    "Context",
    "Deadline",
    "Failure",
    "Fallback",
    "FallbackRule",
    "Gate",
    "Health",
    "Hedge",
    "Journey",
    "LoadBalance",
    "Node",
    "Outcome",
    "Preference",
    "Retry",
    "RetryRule",
    "Success",
    "Timeout",
    "Try",
    "Until",
    "value",
]
