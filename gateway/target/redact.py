"""What a failure may not tell: providers quote the credential they were sent, and callers may not know it."""

import functools
from collections.abc import Iterable
from dataclasses import replace

from gateway.secret import Secret
from strategies import Failure

_SHORTEST_KEY = 4
"""What is shorter keeps nothing secret, and occurs in any sentence."""


def without_keys(failure: Failure, credentials: Iterable[Secret | None]) -> Failure:
    """Return the failure without what was sent as a credential."""
    keys = [key for key in (each.reveal() for each in credentials if each) if len(key) >= _SHORTEST_KEY]
    told = failure.message + (failure.provider_code or "") + (failure.param or "")
    if not any(key in told for key in keys):
        return failure
    return replace(failure, message=functools.reduce(_starred, keys, failure.message), provider_code=None, param=None)


def _starred(words: str, key: str) -> str:
    return words.replace(key, "***")
