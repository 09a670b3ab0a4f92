"""Our caller's mistakes: exceptions that end in `http/reply.py`, never in a strategy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class GatewayError(Exception):
    """A request that cannot be served as it is; says what to do instead."""

    status = 400
    code = "invalid_request"
    type = "invalid_request_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what the envelope shows."""
        super().__init__(message)
        self.message = message
        self.param = param
        self.headers = headers or {}
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status


class InvalidJSON(GatewayError):
    """The body is not the JSON object it has to be."""

    code = "invalid_json"


class InvalidKey(GatewayError):
    """No valid credential; the same words for unknown, revoked and foreign ones."""

    status = 401
    code = "invalid_api_key"
    type = "authentication_error"


class NotAllowed(GatewayError):
    """A valid key that may not do this."""

    status = 403
    code = "not_allowed"
    type = "permission_error"


class ConfigNotFound(GatewayError):
    """No stored config has that id."""

    status = 404
    code = "config_not_found"


class BodyTimeout(GatewayError):
    """The caller was too slow in sending its body."""

    status = 408
    code = "request_body_timeout"


class BodyTooLarge(GatewayError):
    """The body is over its limit."""

    status = 413
    code = "body_too_large"


class Overloaded(GatewayError):
    """There is no room for the request at the moment."""

    status = 503
    code = "overloaded"
    type = "server_error"


class TooOften(GatewayError):
    """The caller has used up a rate limit."""

    status = 429
    code = "rate_limit_exceeded"
    type = "rate_limit_error"


class UnsupportedEncoding(GatewayError):
    """The body is encoded in a way that is not read."""

    status = 415
    code = "unsupported_encoding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a config, where it is, and what to write instead."""

    message: str
    path: str = "$"
    """JSON path of the value, `$` for the whole document."""
    code: str = "invalid_config"
    severity: str = "error"
    file: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """Return the one line that people read."""
        place = f"{self.file}:{self.line}:{self.column or 1}: " if self.file and self.line else ""
        if self.file and not self.line:
            place = f"{self.file}: "
        told = f"{place}{self.path}: {self.message}"
        # Keys, and names of files, are other people's words: none may draw on a terminal, or begin a line of its own.
        return told if told.isprintable() else "".join(each if each.isprintable() else "\ufffd" for each in told)


class InvalidConfig(GatewayError):
    """A config with problems, all of them at once."""

    code = "invalid_config"

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Join the problems into one message; the envelope's `param` is the first one's path."""
        first = problems[0]
        codes = {problem.code for problem in problems}
        super().__init__(
            "; ".join(str(problem) for problem in problems),
            param=first.path,
            code=codes.pop() if len(codes) == 1 else None,
        )
        self.problems = tuple(problems)
