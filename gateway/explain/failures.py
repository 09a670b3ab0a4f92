"""How a target may fail, before anybody has asked it."""

from collections.abc import Iterator
from dataclasses import replace

from gateway.wire import Received, failure_of
from strategies import Cause, Failure

Failures = tuple[Failure, ...]
"""How a node may fail: one of each kind; none where it is sure to answer."""


def _of_each_kind() -> Iterator[Failure]:
    for status in range(400, 600):
        plain = failure_of(Received(status, {}, b""), "")
        yield plain
        if plain.cause is Cause.INVALID or plain.cause is Cause.AUTH:
            yield replace(plain, cause=Cause.POLICY)
    for status in (503, 529):
        yield Failure(cause=Cause.RATE_LIMITED, message="", status=status)
    yield Failure(cause=Cause.AUTH, message="", status=429)
    for cause in (Cause.UNREACHABLE, Cause.TIMEOUT, Cause.INCOMPLETE, Cause.EMPTY, Cause.POLICY, Cause.UNSUPPORTED):
        yield Failure(cause=cause, message="")


ANY_FAILURE = tuple(_of_each_kind())
"""One failure of each kind that a provider may make."""
