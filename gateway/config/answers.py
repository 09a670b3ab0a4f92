"""What a provider may be taken to answer: in tests, in simulations, in `x-gateway-assume`."""

from gateway.config.suggest import did_you_mean, listed, printable
from strategies import Cause

ANSWERS = tuple(sorted(set(Cause) - {Cause.BUDGET, Cause.DEADLINE}))
"""The words for answers that are no status: the causes that a provider, or the way to it, can have."""

_STATUSES = range(200, 600)
_LONGEST_STATUS = 3
_SHOWN = 60


class UnknownAnswer(ValueError):
    """What is written is nothing that a provider answers; says what may be written."""


def answer_of(written: object) -> int | Cause:
    """Return the status, or the cause, that is written; raises `UnknownAnswer`."""
    status: object = written
    if isinstance(written, str) and written.isascii() and written.isdigit() and len(written) <= _LONGEST_STATUS:
        status = int(written)
    if type(status) is int and status in _STATUSES:
        return status
    if isinstance(written, str) and written in ANSWERS:
        return Cause(written)
    said = printable(str(written)[:_SHOWN])
    guess = did_you_mean(said, ANSWERS) if isinstance(written, str) else "."
    known = f" Write a status from 200 to 599, or one of {listed(ANSWERS)}." if guess == "." else ""
    raise UnknownAnswer(f"`{said}` is nothing that a provider answers{guess}{known}")
