"""Lines of the log as JSON: what every line has, and of what came beside its words only the fields that are listed."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.telemetry.current import TRACE_ID

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_LONGEST = 16_384
_ABOUT_REQUESTS = ("gateway.http", "gateway.target", "gateway.delivery", "gateway.server")
"""Others work for all requests at once, whichever of them had them begin."""
_TELLS_ALL = ("aiosqlite",)
"""At level debug it says each statement with the values that are put into it, prompts among them."""

FIELDS: Mapping[str, str] = {
    "status": "the status that the caller was answered with",
    "code": "the code in the error's envelope",
    "cause": "why the last attempt failed",
    "config": "the id of the config; null for one that came with the request",
    "attempts": "what was tried: target, provider, status, cause and milliseconds of each",
    "maybe_billed": "failed attempts that may be billed",
    "ms": "milliseconds from the first look at the request",
    "file": "the file that has a problem",
    "line": "its line",
    "column": "its column",
    "path": "where in the document",
    "reason": "what is wrong there",
    "configs": "the ids of the configs that are served",
    "changed": "those that changed",
    "removed": "those that are gone",
    "problems": "how many problems there are",
    "settings_for_next_start": "settings that were changed, and count from the next start",
}
"""What may stand beside a line's words; whatever else a record carries is left out."""

EVENTS: Mapping[str, tuple[str, ...]] = {
    "request_refused": ("status", "code"),
    "request_failed": ("status", "cause", "config", "attempts", "maybe_billed", "ms"),
    "request_answered": (),
    "request_left": (),
    "events_cut": (),
    "config_problem": ("file", "line", "column", "path", "reason"),
    "config_reload_crashed": (),
    "configs_loaded": ("configs", "changed", "removed", "problems", "settings_for_next_start"),
}
"""The events that have a name, with their fields; `trace_id` stands in each that is about a request."""


class JsonLines(logging.Formatter):
    """Writes one JSON object for each line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; whatever is in it, there is one, and it has one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:_LONGEST],
        }
        given = vars(record)
        if isinstance(given.get("event"), str):
            line["event"] = given["event"]
        trace_id = given.get("trace_id") or (TRACE_ID.get() if record.name.startswith(_ABOUT_REQUESTS) else None)
        if trace_id is not None:
            line["trace_id"] = trace_id
        line |= {name: given[name] for name in FIELDS if name in given}
        # Whoever looked through the record before has put its traceback into words.
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line["exception"] = record.exc_text[:_LONGEST]
        try:
            return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        except TypeError:  # half a character, or a number beyond all others
            return json.dumps(line, default=str)


def formatter_for(kind: str) -> logging.Formatter:
    """Return how lines are written: text or json."""
    return JsonLines() if kind == "json" else logging.Formatter(_TEXT)


def write_logs_as(kind: str) -> None:
    """Have all that this process logs written as text or json, whichever library says it."""
    for name in _TELLS_ALL:
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(formatter_for(kind))
