"""fal's queue: submit, ask after the request, fetch what its model made."""

from collections.abc import Callable, Generator, Mapping
from typing import Any

from gateway.dialect.answers import unreadable
from gateway.dialect.errors import Said, failure_from, failure_of_job
from gateway.dialect.fal_models import CODES, understood
from gateway.dialect.many_models import is_link
from gateway.dialect.polling import lost, poll
from gateway.dialect.words import identifier
from gateway.images import ImageReply
from gateway.wire import Flow, Outcome, Received, Send, Wait, send, wait
from strategies import Failure, Success

_SUCCESS = range(200, 300)
_PASSING = frozenset({408, 409, 429, 502, 503, 504})
_QUESTIONS = 3

Places = tuple[str, str]
"""Where the state of a request is told, and where its result is."""


def named_places(answer: Any) -> Places | None:  # noqa: ANN401 - the JSON boundary
    """Return the places that an answer to a submission names: they cannot be derived from the model."""
    match answer:
        case {"status_url": str(status), "response_url": str(response)} if is_link(status) and is_link(response):
            return status, response
    return None


def queued(
    submission: Send,
    provider: str,
    params: Mapping[str, Any],
    places_in: Callable[[Any], Places | None] = named_places,
) -> Flow:
    """Submit a request and return its pictures; `params` are the caller's, `places_in` finds where to ask."""
    taken_on = yield from send(submission)
    if taken_on.status not in _SUCCESS:
        return failure_from(taken_on, provider, CODES)
    places = places_in(taken_on.json())
    if places is None:
        return unreadable(taken_on, provider, CODES)
    ended = yield from poll(
        Send("GET", places[0]),
        lambda received: _ended(received, provider),
        provider=provider,
        seconds=0.5,
        slowest=1.5,
        codes=CODES,
    )
    if isinstance(ended, Failure) and ended.status is not None:
        return ended
    # Of a request that failed, the result says more surely why than its state does.
    received = yield from _result(Send("GET", places[1]))
    if received.status not in _SUCCESS:
        failure = failure_from(received, provider, CODES)
        return lost(failure) if _is_passing(received) else failure
    return ended if isinstance(ended, Failure) else understood(received, provider, params)


def _ended(received: Received, provider: str) -> Outcome | None:
    match received.json():
        case {"status": "COMPLETED", "error": error, **rest} if error:
            kind = identifier(rest.get("error_type"))
            message = error if isinstance(error, str) else None
            return failure_of_job(provider, Said(message=message, code=kind, kinds=(kind,) if kind else ()), CODES)
        case {"status": "COMPLETED"}:
            return Success(ImageReply())
        case {"status": str()}:
            return None
        case _:
            return unreadable(received, provider, CODES)


def _result(ask: Send) -> Generator[Send | Wait, Any, Received]:
    """Fetch what was made, again where something in between failed: asking costs nothing."""
    for _ in range(_QUESTIONS - 1):
        received = yield from send(ask)
        if not _is_passing(received):
            return received
        yield from wait(1.0)
    return (yield from send(ask))


def _is_passing(received: Received) -> bool:
    """Whether a failure is fal's ingress speaking and not the model: only answers of the latter bear an id."""
    return received.status in _PASSING and "x-fal-request-id" not in received.headers
