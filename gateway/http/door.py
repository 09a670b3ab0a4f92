"""The door behind the guard: where there are keys, whoever has none gets no further, whatever route is asked for.

A new route is closed until it is listed here as open. What is asked for is read from the raw path, before anything has
decoded it, so that no spelling of a path is one thing here and another thing to the routes.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.choose.callers import ADMIN, Callers
from gateway.config.api_key import ApiKey
from gateway.errors import GatewayError
from gateway.http import reply
from gateway.http.control.operator import OPERATOR, Operator
from gateway.http.decode import trace_id_of

CALLER = "gateway.caller"
"""Where the scope of a request that came in says whose it is: an `ApiKey`, or `None` where the gateway is open."""

_OPEN = re.compile(
    rb"/livez|/readyz|/metrics|/openapi\.json|/docs(?:/[A-Za-z0-9._/-]*)?|/llms\.txt|/console(?:/[A-Za-z0-9._/-]*)?|"
    rb"(?:/v1)?/images/files/[A-Za-z0-9._-]+"
)
"""Probes, descriptions and the console's files tell nothing of anybody's pictures; links to those are signed."""

IMAGES = tuple(f"{root}/images/{what}" for root in ("/v1", "") for what in ("generations", "edits", "variations"))
_PAINTED = frozenset(path.encode() for path in IMAGES)
"""What most requests are for; no pattern has to be tried on them."""
_CONTROL = re.compile(
    r"(?:/v1)?/(?:configs|virtual-keys|api-keys|logs|feedback|analytics|"
    r"check|explain|simulate|routes|health|budgets|declared-keys|schemas)(?:/.*)?",
    re.DOTALL,
)
"""What nobody does without a key, even where the gateway is open. Paths as the routes see them."""
_SIGNED = re.compile(rb"(?:/v1)?/logs/exports/[A-Za-z0-9-]+/file")


class Door:
    """Passes requests on that may come in, and answers the others itself."""

    def __init__(self, app: ASGIApp, callers: Callable[[], Callers]) -> None:
        """Stand before `app`; `callers` knows the keys there are now."""
        self._app = app
        self._callers = callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand over."""
        paints = scope["type"] == "http" and scope["raw_path"] in _PAINTED
        if paints or (scope["type"] == "http" and _OPEN.fullmatch(scope["raw_path"]) is None):
            headers = _Headers(scope)
            try:
                if paints or _CONTROL.fullmatch(scope["path"]) is None:
                    scope[CALLER] = self._callers().caller(headers)
                elif _SIGNED.fullmatch(scope["raw_path"]) is None:
                    scope[OPERATOR] = operator_for(self._callers().key_holder(headers))
            except GatewayError as caught:
                await reply.write(send, *_answer(caught, headers))
                return
        await self._app(scope, receive, send)


def operator_for(key: ApiKey) -> Operator:
    """Return what the holder of a key is at the control plane."""
    return Operator("admin") if key is ADMIN else Operator(key.known_as, key.workspace, key.scopes, key.is_limited)


class _Headers(Mapping[str, str]):
    """A request's headers, looked at one by one: an open gateway asks for none, another one for two."""

    def __init__(self, scope: Scope) -> None:
        self._lines: list[tuple[bytes, bytes]] = scope["headers"]

    def __getitem__(self, name: str) -> str:
        wanted = name.encode("latin-1")
        for line, value in self._lines:
            if line == wanted:  # of a repeated one the first counts, as everywhere
                return value.decode("latin-1")
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (line.decode("latin-1") for line, _ in self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def _answer(caught: GatewayError, headers: Mapping[str, str]) -> reply.Answer:
    status, lines, content = reply.error(caught)
    # The body is not read, so what follows on the connection would not be a request.
    lines.append((b"connection", b"close"))
    try:
        trace_id = trace_id_of(headers)
    except GatewayError:
        trace_id = None
    if trace_id is not None:
        lines.append((b"x-portkey-trace-id", trace_id.encode("latin-1")))
    return status, lines, content
