"""How the endpoints of the log and of the charts answer: what they work with, and what is said when it fails."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import GatewayError
from gateway.http import reply
from gateway.http.body import ClientGone
from gateway.http.control.plane import StoreUnavailable
from gateway.seldom import SELDOM
from gateway.store.database import Database, StoreLost

_log = logging.getLogger("gateway.control")

_RETRY_SECONDS = 2
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


Told = Mapping[str, Any] | Response
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
        try:
            if plane.database is None:
                raise StoreUnavailable("No database is open here: start the gateway with --data DIR or --store URL.")
            told = await answers["GET" if request.method == "HEAD" else request.method](plane.database, request)
        except GatewayError as caught:
            return reply.response(caught)
        except StoreLost as lost:
            _log.warning("the database does not do as it is asked: %s", lost, extra=SELDOM)
            words = "The database does not answer; nothing is known to have changed. Look again, then try again."
            return reply.response(StoreUnavailable(words, headers={"retry-after": str(_RETRY_SECONDS)}))
        except ClientGone:
            return Response(status_code=400)  # which nobody reads
        return told if isinstance(told, Response) else Response(orjson.dumps(told), media_type="application/json")

    return endpoint
