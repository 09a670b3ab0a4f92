"""Waiting for a job that a provider has taken on: ask, wait, ask again."""

from collections.abc import Callable
from dataclasses import replace

from gateway.dialect.errors import OPENAI_CODES, Codes, failure_from
from gateway.wire import Flow, Outcome, Received, Send, send, wait
from strategies import Failure

_SUCCESS = range(200, 300)
_TRANSIENT = frozenset({408, 425, 429, *range(500, 600)})
_MOST_TRANSIENT = 5
_LONGEST_PAUSE = 30.0
_MOST_UNKNOWN = 2


def poll(
    ask: Send,
    understand: Callable[[Received], Outcome | None],
    *,
    provider: str,
    seconds: float,
    slowest: float = 5.0,
    codes: Codes = OPENAI_CODES,
    unknown: Callable[[Received], bool] = lambda _received: False,
) -> Flow:
    """Ask after a job until it has ended; `understand` returns its outcome, or `None` while it runs.

    The first question comes after `seconds`, the following ones a little later each, up to `slowest`. The job runs and
    may be billed whatever becomes of a question, so one that fails is asked again, and a failure may have cost money.
    `unknown` says of an answer that there is no such job: of one just taken on, that may be heard once or twice.
    """
    pause, transient, missed = seconds, 0, 0
    while True:
        yield from wait(pause)
        received = yield from send(ask)
        if missed < _MOST_UNKNOWN and unknown(received):
            missed += 1
            continue
        if received.status in _SUCCESS:
            transient = 0
            outcome = understand(received)
            if outcome is not None:
                return outcome
            pause = min(pause * 1.25, slowest)
            continue
        failure = failure_from(received, provider, codes)
        transient += 1
        if received.status not in _TRANSIENT or transient > _MOST_TRANSIENT:
            return lost(failure)
        pause = min(failure.retry_after or pause * 2, _LONGEST_PAUSE)


def lost(failure: Failure) -> Failure:
    """Return the failure to hear of a job that was taken on: it may be painted, and billed, all the same."""
    return failure if failure.may_be_billed is not None else replace(failure, may_be_billed=True)
