"""What requests to the control plane say: their bodies, the pages they ask for, the versions they expect."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.requests import Request

from gateway.config.api_key import moment
from gateway.config.suggest import did_you_mean, printable
from gateway.errors import GatewayError, InvalidConfig, InvalidJSON, Problem, UnsupportedEncoding
from gateway.http.body import read_body
from gateway.http.control.operator import Operator
from gateway.http.decode import headers_of, kind_of
from gateway.store.kept import is_name, now_ms

_BODY_BYTES = 1 << 20
_DEEPEST = 64
_LARGEST = 2**63
_LONGEST_TEXT = 256
_MOST_UNKNOWN = 20
"""So many unknown fields are told; to find what was meant by each takes its time."""
_PAGE_SIZE, _LARGEST_PAGE, _LAST_PAGE = 100, 1000, 1_000_000
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999; a number beyond it is most likely one of milliseconds."""


async def body_of(request: Request) -> Any:  # noqa: ANN401 - any JSON value
    """Return the JSON that a request holds, an empty object for no body; raises `GatewayError` for what is none."""
    headers = headers_of(request.scope)
    kind = kind_of(headers)
    if kind != "application/json":
        raise UnsupportedEncoding(f"Content-Type {kind[:60]!r} is not read here: send the request as application/json.")
    written = await read_body(request.receive, limit=_BODY_BYTES) or b"{}"
    try:
        orjson.loads(written)  # refuses what the standard library takes: NaN, infinite numbers, halves of characters
        data = json.loads(written, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError):
        raise InvalidJSON("The body is not valid JSON, or it is nested too deeply.") from None
    check_values(data)
    return data


def object_of(data: Any, known: Collection[str], root: str = "$") -> "Body":  # noqa: ANN401 - any JSON value
    """Return the fields of a JSON object, of which only these are known; `root` is where it stands in its body."""
    if not isinstance(data, dict):
        raise InvalidJSON("The body has to be a JSON object.")
    body = Body(data, root)
    for name in [name for name in data if name not in known][:_MOST_UNKNOWN]:
        body.fault(f"Unknown field `{printable(name)}`{did_you_mean(name, known)}", name)
    return body


@dataclass(slots=True)
class Body:
    """A JSON object that is read field by field; whatever is wrong with it is told at once, by `check`."""

    data: Mapping[str, Any]
    root: str = "$"
    problems: list[Problem] = field(default_factory=list)

    def __contains__(self, name: str) -> bool:
        """Whether a field is there, be it null."""
        return name in self.data

    def fault(self, message: str, *path: str | int) -> None:
        """Note what is wrong with a field, or inside it."""
        place = self.root + "".join(f"[{step}]" if isinstance(step, int) else f".{step[:100]}" for step in path)
        self.problems.append(Problem(message=message, path=place, code="invalid_request"))

    def check(self) -> None:
        """Raise `InvalidConfig` unless all is well so far."""
        if self.problems:
            raise InvalidConfig(self.problems)

    def text(self, name: str, *, required: bool = False, longest: int = _LONGEST_TEXT) -> str | None:
        """Return a field that is a text; an empty one is none."""
        value = self.data.get(name)
        if value in (None, ""):
            if required:
                self.fault(f"`{name}` is needed: a text of up to {longest} characters.", name)
            return None
        if not isinstance(value, str) or len(value) > longest:
            self.fault(f"`{name}` must be a text of up to {longest} characters.", name)
            return None
        return value

    def label(self, name: str) -> str | None:
        """Return a field that names something: a slug, a workspace."""
        value = self.text(name)
        if value is not None and not is_name(value):
            advice = "up to 100 letters, digits, dots, hyphens and underscores, the first a letter or digit"
            self.fault(f"`{name}` must be {advice}.", name)
            return None
        return value

    def flag(self, name: str) -> int | None:
        """Return a field that is 0 or 1, or false or true."""
        value = self.data.get(name)
        if value is not None and value not in (0, 1):
            self.fault(f"`{name}` must be 0 or 1.", name)
            return None
        return None if value is None else int(value)

    def expiry(self, name: str, within_seconds: int | None = None) -> int | None:
        """Return a moment to come, in milliseconds since the epoch."""
        value = self.data.get(name)
        if value is None:
            return None
        seconds = _seconds(value)
        now = now_ms() / 1000
        if seconds is None:
            self.fault(f"`{name}` must be a date such as 2027-01-31T00:00:00Z, or seconds since the epoch.", name)
            return None
        if seconds <= now:
            self.fault(f"`{name}` must be in the future.", name)
        elif within_seconds is not None and seconds > now + within_seconds:
            self.fault(f"`{name}` may be {within_seconds // 86_400} days ahead at most.", name)
        return int(seconds * 1000)


def page_of(request: Request) -> tuple[int, int]:
    """Return how many rows a page has, and which page is asked for, from 0."""
    size = _whole(request, "page_size", _PAGE_SIZE, 1, _LARGEST_PAGE)
    return size, _whole(request, "current_page", 0, 0, _LAST_PAGE)


def workspace_asked(request: Request) -> str | None:
    """Return the workspace that a query names; one that cannot exist is called what none is called."""
    asked = request.query_params.get("workspace_id")
    return asked if not asked or is_name(asked) else "-"


def seen_by(operator: Operator, request: Request) -> str | None:
    """Return the workspace whose things are looked for, `None` for all of them."""
    return operator.sees(workspace_asked(request))


def expected_version(request: Request, body: Body | None = None) -> str | None:
    """Return the version that is to be changed, if the request says."""
    header = request.headers.get("if-match")
    if header is not None:
        return header.strip().removeprefix("W/").strip('"')
    return None if body is None else body.text("version_id")


def _whole(request: Request, name: str, default: int, low: int, high: int) -> int:
    text = request.query_params.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(high)) and low <= int(text) <= high):
        raise GatewayError(f"{name}: expected a whole number from {low} to {high}.", param=name)
    return int(text)


def _seconds(value: Any) -> float | None:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        try:
            value = int(value) if value.isascii() and value.isdigit() else moment(value)
        except (ValueError, OverflowError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_SECOND:
        return None
    return float(value)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise InvalidConfig([Problem(message=f"The key {twin[:60]!r} is given twice in one object; keep one.")])
    return found


def check_values(data: Any) -> None:  # noqa: ANN401 - any JSON value
    """Raise `InvalidJSON` for what is nested past use, and for what databases cannot keep."""
    left = [(data, 0)]
    while left:
        value, depth = left.pop()
        if depth > _DEEPEST:
            raise InvalidJSON(f"The body may be nested {_DEEPEST} deep at most.")
        if isinstance(value, str) and "\0" in value:
            raise InvalidJSON("The body holds the character U+0000, which cannot be kept; remove it.")
        if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            raise InvalidJSON("The body holds a number of more than 64 bits; write it as a string.")
        if isinstance(value, dict):
            left += [(each, depth + 1) for pair in value.items() for each in pair]
        elif isinstance(value, list):
            left += [(each, depth + 1) for each in value]
