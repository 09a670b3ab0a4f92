"""What Google's hosts have in common: one envelope for errors, and nested settings that callers may add to."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gateway.dialect.answers import unreadable
from gateway.dialect.encode import DROPPED
from gateway.dialect.errors import Codes, Said, failure_saying
from gateway.dialect.words import identifier
from gateway.wire import Received
from strategies import Failure

SUCCESS = range(200, 300)
_ERRORS = range(400, 600)
_BODY_WORTH_READING = 262_144
_DELAY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s", re.ASCII)
_SUPPORT_CODES = re.compile(r"[Ss]upport codes?:\s*([0-9]{8}(?:\s*,\s*[0-9]{8})*)", re.ASCII)
# Documented numbers for what Imagen's safety filters found, in prompts and in pictures.
_FILTERED = frozenset(
    {
        *("58061214", "17301594", "29310472", "15236754", "62263041", "57734940", "22137204", "42876398", "29578790"),
        *("74803281", "39322892", "92201652", "89371032", "49114662", "72817394", "90789179", "63429089", "43188360"),
        *("78610348", "61493863", "56562880", "32635315"),
    }
)
# A key that is wrong comes as a 400, and only its reason tells it from a request that is.
_CODES = Codes(
    policy=_FILTERED,
    exhausted=frozenset(
        {
            *("API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED", "ACCESS_TOKEN_EXPIRED"),
            *("BILLING_DISABLED", "CONSUMER_INVALID", "CONSUMER_SUSPENDED", "SERVICE_DISABLED"),
        }
    ),
)


def failure_from(received: Received, provider: str) -> Failure:
    """Return the failure that an answer other than 2xx means; how long to wait may stand in its body."""
    body = unwrapped(received.json()) if len(received.body) <= _BODY_WORTH_READING else None
    error = body.get("error") if isinstance(body, dict) else None
    return _failure(error if isinstance(error, dict) else {}, received, provider)


def not_an_answer(received: Received, provider: str) -> Failure:
    """Return the failure that a 2xx means which holds an error, or nothing that is known."""
    match unwrapped(received.json()):
        case {"error": {"code": int(status)} as error} if status in _ERRORS:
            return _failure(error, replace(received, status=status), provider)
        case _:
            return unreadable(received, provider)


def unwrapped(body: Any) -> Any:  # noqa: ANN401 - the JSON boundary
    """Return an answer without the list that some routes and proxies put around it."""
    match body:
        case [dict() as only]:
            return only
        case _:
            return body


def filter_codes(text: str) -> tuple[str, ...]:
    """Return the documented numbers for content that was filtered which a text ends in."""
    found = _SUPPORT_CODES.search(text)
    return () if found is None else tuple(code for code in re.findall("[0-9]+", found[1]) if code in _FILTERED)


def settings(value: Any) -> Any:  # noqa: ANN401 - a parameter may be any JSON
    """Turn an object of the caller's own settings into itself, and leave out what is none."""
    return value if isinstance(value, dict) else DROPPED


def laid_over(under: Mapping[str, Any], over: Any) -> dict[str, Any]:  # noqa: ANN401 - what callers add may be any JSON
    """Return settings with the caller's own ones added, or in their place, object by object."""
    merged = dict(under)
    for name, value in over.items() if isinstance(over, dict) else ():
        below = merged.get(name)
        merged[name] = laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _failure(error: Mapping[str, Any], received: Received, provider: str) -> Failure:
    message = error.get("message")
    text = message if isinstance(message, str) else ""
    details = error.get("details")
    details = [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
    named = (error.get("status"), *(detail.get("reason") for detail in details), *filter_codes(text))
    kinds = tuple(kind for kind in map(identifier, named) if kind is not None)
    code = identifier(error.get("status")) or identifier(error.get("code"))
    pause = next(_pauses(details), None)
    if pause is not None and "retry-after" not in received.headers:
        received = replace(received, headers={**received.headers, "retry-after": pause})
    return failure_saying(Said(message=text or None, code=code, kinds=kinds), received, provider, _CODES)


def _pauses(details: list[dict[str, Any]]) -> Iterator[str]:
    for detail in details:
        delay = detail.get("retryDelay")
        found = _DELAY.fullmatch(delay) if isinstance(delay, str) else None
        if found is not None:
            yield found[1]
