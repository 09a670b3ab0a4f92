"""How the endpoints of the log and of the charts answer: what they work with, and what is said when it fails."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.control.plane import Told, answer_of, database_in, response_to
from gateway.store.database import Database

_PREFIXES = ("/v1", "")


class RecordPlane(Protocol):
    """What the log and the charts work with."""

    @property
    def database(self) -> Database | None:
        """Where requests are recorded; `None`: nowhere."""
        ...

    @property
    def link_key(self) -> bytes:
        """Signs links to exports: one key for all gateways that share a database."""
        ...

    @property
    def public_url(self) -> str:
        """Where links lead to; empty: to where the caller found us."""
        ...

    @property
    def keep_prompt(self) -> Callable[[str], str | None]:
        """Returns what is stored of a prompt: itself, its hash, or nothing, as the operator chose."""
        ...


Answer = Callable[[Database, Request], Awaitable[Told]]


def routes(plane: RecordPlane, endpoints: Mapping[str, Mapping[str, Answer]]) -> list[Route]:
    """Return the routes of paths with an answer for each method, each with and without /v1."""
    return [
        Route(prefix + path, _answered(plane, answers), methods=[*answers])
        for path, answers in endpoints.items()
        for prefix in _PREFIXES
    ]


def _answered(plane: RecordPlane, answers: Mapping[str, Answer]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await response_to(lambda: answer_of(answers, request)(database_in(plane.database), request))

    return endpoint
