"""What the cockpit's routes work with: a gateway as whoever runs it sees it, and how it answers them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.choose import Chooser
from gateway.cockpit.moment import Moments
from gateway.config.snapshot import Snapshot
from gateway.config.spec import TargetSpec
from gateway.delivery import Delivery
from gateway.http.control.plane import Told, answer_of, database_in, not_found, response_to
from gateway.ledger import Spent
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.store.kept import Ambiguous, Missing
from gateway.target import ImageTarget

_UNKNOWN = not_found("config", "/v1/routes", "config_not_found")


class Desk(Protocol):
    """A running gateway."""

    settings: Settings
    stopping: asyncio.Event
    delivery: Delivery
    moments: Moments

    @property
    def snapshot(self) -> Snapshot:
        """What the files hold now."""
        ...

    @property
    def database(self) -> Database | None:
        """Where things are kept, if anywhere."""
        ...

    def chooser(self) -> Chooser:
        """Return what finds routes, as the configs are now."""
        ...

    def leaf_of(self) -> Callable[[TargetSpec, bool], ImageTarget]:
        """Return what makes the node that talks to one target."""
        ...

    def trusts(self) -> Callable[[str], bool]:
        """Return what tells which hosts the operator trusts."""
        ...

    async def spent(self, accounts: Sequence[tuple[str, str]]) -> Sequence[Spent]:
        """Return what accounts have used of their windows; raises `LedgerLost`."""
        ...


Answer = Callable[[Desk, Request], Awaitable[Told]]


def routes_of(desk: Desk, endpoints: Mapping[str, Mapping[str, Answer]]) -> list[Route]:
    """Return the routes of paths with an answer for each method, each with and without /v1."""
    return [
        Route(prefix + path, _answered(desk, answers), methods=[*answers])
        for path, answers in endpoints.items()
        for prefix in ("/v1", "")
    ]


def database_of(desk: Desk) -> Database:
    """Return the database; raises `StoreUnavailable` where there is none."""
    return database_in(desk.database)


def _answered(desk: Desk, answers: Mapping[str, Answer]) -> Callable[[Request], Awaitable[Response]]:
    async def told(request: Request) -> Told:
        try:
            return await answer_of(answers, request)(desk, request)
        except (Missing, Ambiguous):
            raise _UNKNOWN.with_traceback(None) from None  # one for all: what it went through is not to add up

    async def endpoint(request: Request) -> Response:
        return await response_to(lambda: told(request))

    return endpoint
