"""Idempotency keys as callers see them: what is one, what it stands for, what is kept for it, why one is refused."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from gateway.errors import GatewayError
from gateway.images import ImageRequest
from gateway.state import canonical
from gateway.state.intents import Verdict
from strategies import Cause, Failure, Journey, Success

HEADER = "idempotency-key"

_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)
_UNSTORED = frozenset({Cause.UNREACHABLE, Cause.RATE_LIMITED})
"""Failures that cost nothing and pass: who repeats the request has it tried again."""

_NOT_AGAIN = "It may have been paid, so nothing was sent again: to have it painted anew, use a new key."
_REFUSED = {
    "running": (
        409,
        "request_in_progress",
        "The request with this idempotency key is still running: send it again later to get its answer.",
        {"retry-after": "5"},
    ),
    "reused": (
        422,
        "idempotency_key_reused",
        "This idempotency key was sent with another request, or before the config changed: use a new key.",
        {},
    ),
    "unknown": (
        409,
        "outcome_unknown",
        "The gateway ended while the request with this idempotency key ran. " + _NOT_AGAIN,
        {"x-should-retry": "false"},
    ),
    "lost": (
        409,
        "outcome_unknown",
        "The request with this idempotency key was answered, but the answer is no longer kept. " + _NOT_AGAIN,
        {"x-should-retry": "false"},
    ),
}
"""Verdict → status, code, message, headers."""


def key_of(headers: Mapping[str, str]) -> str | None:
    """Return the caller's key, if it sent one."""
    key = headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise GatewayError(f"{HEADER}: expected 1 to 255 visible ASCII characters, such as a UUID.", param=HEADER)
    return key


async def fingerprint_of(request: ImageRequest, version: str) -> str:
    """Return the digest of what is asked for; the tenant is part of the key already."""
    credential = "" if request.credential is None else request.credential.reveal()
    scope = hashlib.sha256(credential.encode()).hexdigest()
    return hashlib.sha256(await canonical(["POST", request.path, request.params, version, scope])).hexdigest()


def is_final(outcome: Success[Any] | Failure, journey: Journey) -> bool:
    """Whether an outcome is kept: what may have cost money always is, what would pass by itself is not."""
    if isinstance(outcome, Success) or journey.maybe_billed:
        return True
    return outcome.cause not in _UNSTORED and any(attempt.sent for attempt in journey.attempts)


def refused(verdict: Verdict) -> GatewayError:
    """Return what a caller is told whose key leads to no answer."""
    status, code, message, headers = _REFUSED[verdict]
    return GatewayError(message, status=status, code=code, param=HEADER, headers=headers)
