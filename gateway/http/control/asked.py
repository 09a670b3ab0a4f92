"""What is asked of the log and of the charts: filters by Portkey's names, times, and pages."""

import math
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.config.suggest import did_you_mean, printable
from gateway.errors import GatewayError
from gateway.http.control.operator import Operator
from gateway.store.buckets import LONGEST_MS
from gateway.store.filters import Filters

Given = Mapping[str, Any]
"""A query, or the `filters` of an export: texts, and what JSON has besides."""

_MINIMUM, _MAXIMUM = "time_of_generation_min", "time_of_generation_max"
FILTERS = (
    *(_MINIMUM, _MAXIMUM, "status_code", "ai_org", "ai_model", "ai_org_model", "virtual_keys", "configs"),
    *("api_key_ids", "metadata", "trace_id", "cache_status", "cost_min", "cost_max", "total_units_min"),
    *("total_units_max", "workspace_slug", "workspace_id"),
)
_NOT_HERE = {
    "prompt_slug": "there are no stored prompts here",
    "span_id": "requests are found by trace_id here",
    **dict.fromkeys(
        ("prompt_token_min", "prompt_token_max", "completion_token_min", "completion_token_max"),
        "images have no tokens; total_units_min and total_units_max filter by the number of images",
    ),
    **dict.fromkeys(
        ("weighted_feedback_min", "weighted_feedback_max"), "requests are not filtered by what people thought of them"
    ),
}
_CACHES = ("HIT", "MISS", "REFRESH", "DISABLED")
_MOST_VALUES, _LONGEST = 100, 1024
_MOST_METADATA = 10
_UNSPEAKABLE = re.compile(r'["\\\x00-\x1f]')
_MICROS_PER_CENT = 10_000
_LAST_MS = 253_402_300_799_999
_MILLISECONDS_FROM = 100_000_000_000
"""A number from here on is one of milliseconds, below it is one of seconds: the border is the year 5138, and 1973."""


def wrong(name: str, expected: str) -> GatewayError:
    """Return the refusal of a parameter."""
    return GatewayError(f"{name}: {expected}.", param=name)


def check_names(given: Given, *more: str) -> None:
    """Raise `GatewayError` for a parameter that is none: a filter with a slip in it must not answer for all."""
    for name in given:
        if name in _NOT_HERE:
            raise wrong(name, f"{_NOT_HERE[name]}; leave it out")
        if name not in FILTERS and name not in more:
            end = did_you_mean(name, (*FILTERS, *more))
            raise GatewayError(f"Unknown parameter `{printable(name)}`{end}", param=name[:100])


def filters_of(given: Given, operator: Operator) -> Filters:
    """Return which requests are meant, of those that this operator sees; raises `GatewayError`."""
    asked = _text(given, "workspace_slug") or _text(given, "workspace_id")
    return Filters(
        workspace=operator.sees(asked),
        since_ms=_time(given, _MINIMUM),
        until_ms=_time(given, _MAXIMUM),
        statuses=tuple(_status(word) for word in _words(given, "status_code")),
        providers=_words(given, "ai_org"),
        models=_words(given, "ai_model"),
        pairs=tuple(_pair(word) for word in _words(given, "ai_org_model")),
        virtual_keys=_words(given, "virtual_keys"),
        configs=_words(given, "configs"),
        api_keys=_words(given, "api_key_ids"),
        traces=_words(given, "trace_id"),
        caches=tuple(_cache(word) for word in _words(given, "cache_status")),
        metadata=_metadata(given),
        cost_min=_micros(given, "cost_min"),
        cost_max=_micros(given, "cost_max"),
        images_min=whole(given, "total_units_min", None, 0, 1_000_000),
        images_max=whole(given, "total_units_max", None, 0, 1_000_000),
    )


def span_of(filters: Filters) -> tuple[int, int]:
    """Return the time that a chart is of, which it needs; raises `GatewayError`."""
    since, until = filters.since_ms, filters.until_ms
    if since is None or until is None:
        name = _MINIMUM if since is None else _MAXIMUM
        raise wrong(name, "it is needed: an ISO 8601 time, such as 2026-01-31T00:00:00Z, or seconds since the epoch")
    if since >= until:
        raise wrong(_MINIMUM, f"it has to be before {_MAXIMUM}")
    if until - since > LONGEST_MS:
        raise wrong(_MINIMUM, f"a chart covers {LONGEST_MS // 86_400_000} days at most; ask for a part of that time")
    return since, until


def whole(given: Given, name: str, default: int | None, low: int, high: int) -> int | None:
    """Return a whole number."""
    text = _text(given, name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(high)) and low <= int(text) <= high):
        raise wrong(name, f"expected a whole number from {low} to {high}")
    return int(text)


def one_of(given: Given, name: str, options: Collection[str], default: str) -> str:
    """Return a word out of a list."""
    word = _text(given, name) or default
    if word not in options:
        raise wrong(name, f"expected one of {', '.join(options)}")
    return word


def _text(given: Given, name: str) -> str | None:
    """Return a parameter as it was written; an empty one is none."""
    value = given.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > _LONGEST * _MOST_VALUES or "\x00" in value:
        raise wrong(name, "expected a text without the character U+0000")
    return value


def _words(given: Given, name: str) -> tuple[str, ...]:
    value = given.get(name)
    parts = value if isinstance(value, list) else (_text(given, name) or "").split(",")
    words = [str(part).strip() for part in parts]
    if len(words) > _MOST_VALUES or any(len(word) > _LONGEST or "\x00" in word for word in words):
        raise wrong(name, f"expected {_MOST_VALUES} values at most, with commas between them")
    return tuple(dict.fromkeys(filter(None, words)))


def _status(word: str) -> int:
    if not re.fullmatch("[1-5][0-9]{2}", word, re.ASCII):
        raise wrong("status_code", "expected statuses of HTTP, with commas between them")
    return int(word)


def _pair(word: str) -> tuple[str, str]:
    provider, found, model = word.partition("__")
    if not (provider and found and model):
        raise wrong("ai_org_model", "expected provider__model, such as openai__gpt-image-1, with commas between them")
    return provider, model


def _cache(word: str) -> str:
    status = word.upper()
    if status not in _CACHES:
        raise wrong("cache_status", f"expected {', '.join(_CACHES)}, with commas between them")
    return status


def _metadata(given: Given) -> dict[str, str]:
    value = given.get("metadata")
    if isinstance(value, str) and value:
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise wrong("metadata", 'expected a JSON object of strings, such as {"team": "ads"}') from None
    if value in (None, ""):
        return {}
    if not isinstance(value, dict) or len(value) > _MOST_METADATA:
        raise wrong("metadata", f"expected a JSON object of {_MOST_METADATA} strings at most")
    for name, text in value.items():
        if not isinstance(text, str) or "\x00" in text:
            raise wrong("metadata", f"the value of {printable(name)} has to be a string; put it in quotes")
    return {metadata_name(name): text for name, text in value.items()}


def metadata_name(name: str) -> str:
    """Return the name of a field of metadata that can be asked for."""
    if not can_be_asked_for(name):
        raise wrong(
            "metadata", "the name of a field may not be empty, or hold quotes, backslashes or control characters"
        )
    return name


def can_be_asked_for(name: str) -> bool:
    """Whether a database can be asked for a field of metadata."""
    return 0 < len(name) <= _LONGEST and _UNSPEAKABLE.search(name) is None


def _micros(given: Given, name: str) -> int | None:
    text = _text(given, name)
    if text is None:
        return None
    try:
        cents = float(text)
    except ValueError:
        cents = math.nan
    if not 0 <= cents <= 10**12:
        raise wrong(name, "expected US cents, such as 4 or 0.5")
    return round(cents * _MICROS_PER_CENT)


def _time(given: Given, name: str) -> int | None:
    text = _text(given, name)
    if text is None:
        return None
    moment = _moment(text)
    if moment is None or not 0 <= moment <= _LAST_MS:
        raise wrong(name, "expected an ISO 8601 time, such as 2026-01-31T00:00:00Z, or seconds since the epoch")
    return moment


def _moment(text: str) -> int | None:
    """Return the milliseconds since the epoch that a time is at; one without a zone is in UTC."""
    try:
        number = float(text)
    except ValueError:
        try:
            # A plus that nobody encoded comes as a space.
            read = datetime.fromisoformat(re.sub(r"^(.+T.+) (?=[0-9]{2}:?[0-9]{2}$)", r"\1+", text))
            return round((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() * 1000)
        except (ValueError, OverflowError):
            return None
    if not math.isfinite(number) or abs(number) > _LAST_MS:
        return None
    return round(number if number >= _MILLISECONDS_FROM else number * 1000)
