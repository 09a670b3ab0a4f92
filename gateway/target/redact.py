"""What a failure may not tell: providers quote the credential they were sent, and callers may not know it."""

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import replace

from gateway.secret import Secret
from strategies import Failure

_LARGEST_TEXT = 1 << 16
_SHORTEST_KEY = 4
"""What is shorter keeps nothing secret, and occurs in any sentence."""


def without_keys(failure: Failure, credentials: Iterable[Secret | None]) -> Failure:
    """Return the failure without what was sent as a credential."""
    keys = keys_of(credentials)
    told = failure.message + (failure.provider_code or "") + (failure.param or "")
    if not any(key in told for key in keys):
        return failure
    return replace(failure, message=functools.reduce(_starred, keys, failure.message), provider_code=None, param=None)


async def events_without_keys(
    events: AsyncIterator[bytes], credentials: Iterable[Secret | None]
) -> AsyncGenerator[bytes, None]:
    """Yield events without what was sent as a credential; pictures, which are large, hold none."""
    keys = [key.encode() for key in keys_of(credentials)]
    try:
        async for event in events:
            yield _cleaned(event, keys) if len(event) <= _LARGEST_TEXT else event
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()


def _cleaned(event: bytes, keys: Iterable[bytes]) -> bytes:
    for key in keys:
        event = event.replace(key, b"***")
    return event


def keys_of(credentials: Iterable[Secret | None]) -> list[str]:
    """Return what must not be told: credentials that are long enough to be recognised."""
    return [key for key in (each.reveal() for each in credentials if each) if len(key) >= _SHORTEST_KEY]


def _starred(words: str, key: str) -> str:
    return words.replace(key, "***")
