"""The door behind the guard: where there are keys, whoever has none gets no further, whatever route is asked for.

A new route is closed until it is listed here as open. What is asked for is read from the raw path, before anything has
decoded it, so that no spelling of a path is one thing here and another thing to the routes.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import GatewayError
from gateway.http import reply
from gateway.http.decode import trace_id_of

TENANT = "gateway.tenant"
"""Where the scope of a request that came in says whose it is."""

_OPEN = re.compile(rb"/livez|/readyz|/openapi\.json|(?:/v1)?/images/files/[A-Za-z0-9._-]+")
"""Probes and the description of the API tell nothing of anybody's pictures; links to those carry a signature."""


class Door:
    """Passes requests on that may come in, and answers the others itself."""

    def __init__(self, app: ASGIApp, tenant: Callable[[Mapping[str, str]], str]) -> None:
        """Stand before `app`; `tenant` tells who comes, and raises the `GatewayError` of whoever may not come in."""
        self._app = app
        self._tenant = tenant

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand over."""
        if scope["type"] == "http" and _OPEN.fullmatch(scope["raw_path"]) is None:
            headers = _Headers(scope)
            try:
                scope[TENANT] = self._tenant(headers)
            except GatewayError as caught:
                await reply.write(send, *_answer(caught, headers))
                return
        await self._app(scope, receive, send)


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
