"""The last look at each record of the log: what reads like a credential is starred, wherever its words came from."""

import logging
import traceback
from typing import Any

import re2

from gateway.seldom import Seldom


def _options() -> re2.Options:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    return options


_STARS = "***"
_NAMES = r"(?:api_?key|access_?key|[^a-z]key|^key|secret|token|password|passwd|signature|[^a-z]sig|authorization)"
# RE2, as what is logged may be long and of a stranger's making.
_SHAPES = re2.compile(
    "|".join(
        (
            r"(?P<query>https?://[^\s\"'<>?]+\?)[^\s\"'<>]+",
            r"(?P<login>https?://)[^\s\"'<>/@]+@",
            rf"(?P<named>{_NAMES}[\"']?\s*[=:]\s*[\"']?)(?:(?:bearer|basic)\s+[^\s\"',;&]+|[^\s\"',;&]{{6,}})",
            r"(?P<scheme>\b(?:bearer|basic)\s+)[^\s\"',;]{6,}",
            r"\b(?:sk|pk|rk|r8|hf|fal|gsk|xai|key|ghp|glpat|bfl)[-_][a-z0-9][a-z0-9._-]{11,}",
            r"\bAIza[a-z0-9_-]{20,}",
            r"\b(?:AKIA|ASIA)[a-z0-9]{12,}",
            r"\beyJ[a-z0-9_-]{8,}\.[a-z0-9_-]{4,}\.[a-z0-9_-]*",
        )
    ),
    _options(),
)
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; whatever else it has was given by `extra`."""


def scrubbed(text: str) -> str:
    """Return the text without what reads like a credential."""
    sound = text.encode(errors="replace").decode()  # RE2 knows no lone surrogates
    return str(_SHAPES.sub(_starred, sound)) if _SHAPES.search(sound) else sound


def _starred(match: Any) -> str:  # noqa: ANN401 - re2 has no types
    kept = match.lastgroup and match[match.lastgroup]
    return f"{kept or ''}{_STARS}{'@' if match.lastgroup == 'login' else ''}"


class Scrub(logging.Filter):
    """Lets every record pass, after its words, its traceback and what came beside it were looked through."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record itself, as all that write it share it."""
        try:
            said = record.getMessage()
        except (TypeError, ValueError, KeyError):
            said = str(record.msg)  # its words do not fit together, which is no reason to stop a request
        record.msg, record.args = scrubbed(said), None
        if record.exc_info and not record.exc_text:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip()
        if record.exc_text:
            record.exc_text = scrubbed(record.exc_text)
        if record.stack_info:
            record.stack_info = scrubbed(record.stack_info)
        for name in vars(record).keys() - _OWN:
            setattr(record, name, _clean(getattr(record, name)))
        return True


def _clean(value: Any) -> Any:  # noqa: ANN401 - whatever a record was given
    match value:
        case str():
            return scrubbed(value)
        case dict():
            return {name: _clean(item) for name, item in value.items()}
        case list() | tuple():
            return [_clean(item) for item in value]
        case _:
            return value


def scrub_logs() -> None:
    """Have everything that this process logs looked through, whichever library says it."""
    for handler in logging.getLogger().handlers:
        if not any(isinstance(each, Scrub) for each in handler.filters):
            handler.addFilter(Seldom())  # it knows words by what they were before they were looked through
            handler.addFilter(Scrub())
