"""What the control plane works with, and how it answers."""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.config.spec import ConfigSpec
from gateway.config.virtual_key import VirtualKey
from gateway.errors import GatewayError, Problem
from gateway.http import reply
from gateway.http.body import ClientGone
from gateway.ledger import Spent
from gateway.seldom import SELDOM
from gateway.store.database import Database, StoreLost
from gateway.store.kept import Ambiguous, Missing, Outdated, Taken
from gateway.store.vault import Vault

_log = logging.getLogger("gateway.control")

_RETRY_SECONDS = 2
_A = TypeVar("_A")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """What configs, keys and feedback are kept in, and what else there is of them."""

    database: Database
    vault: Vault
    visible: Callable[[str], Mapping[str, VirtualKey]]
    """The virtual keys, declared and stored, that a workspace may name."""
    declared_configs: Callable[[], Collection[str]]
    """Ids of the configs in files; no stored one may be called the same."""
    declared_virtual_keys: Callable[[], Collection[str]]
    trusts: Callable[[str], bool]
    """Whether the operator trusts a `host` or `host:port`."""
    rehearse: Callable[[ConfigSpec], Sequence[Problem]]
    """Runs the tests of a config, and returns those that fail; takes its time, and is not for the event loop."""
    changed: Callable[[], Awaitable[None]]
    """To be awaited when a change is kept: this process goes by it before anybody is answered."""
    spent: Callable[[Sequence[tuple[str, str]]], Awaitable[Sequence[Spent]]]
    """What accounts have used, each by its name and window; raises `LedgerLost`."""


Planes = Callable[[], Plane | None]
"""`None` where there is no database."""

Told = Mapping[str, Any] | Response
"""What is answered: as JSON, or as it is."""

Answer = Callable[[Plane, Request], Awaitable[Told]]
Endpoint = Callable[[Request], Awaitable[Response]]


class StoreUnavailable(GatewayError):
    """There is no database, or it does not answer."""

    status = 503
    code = "store_unavailable"
    type = "server_error"


class Conflict(GatewayError):
    """It cannot be done beside what is there already."""

    status = 409
    code = "already_exists"


def not_found(what: str, path: str, code: str = "not_found") -> GatewayError:
    """Return the one answer to whatever is missing or somebody else's: it repeats nothing of the request."""
    return GatewayError(f"There is no such {what}; GET {path} lists those that you can see.", status=404, code=code)


def database_in(database: Database | None) -> Database:
    """Return the database; raises `StoreUnavailable` where there is none."""
    if database is None:
        raise StoreUnavailable("No database is open here: start the gateway with --data DIR or --store URL.")
    return database


def answer_of(answers: Mapping[str, _A], request: Request) -> _A:
    """Return what answers a request's method: HEAD as GET."""
    return answers["GET" if request.method == "HEAD" else request.method]


async def response_to(answer: Callable[[], Awaitable[Told]]) -> Response:
    """Return what is answered, or what is said instead where it cannot be."""
    try:
        told = await answer()
    except GatewayError as caught:
        return reply.response(caught)
    except StoreLost as lost:
        _log.warning("the database does not do as it is asked: %s", lost, extra=SELDOM)
        words = "The database does not answer; nothing is known to have changed. Look again, then try again."
        return reply.response(StoreUnavailable(words, headers={"retry-after": str(_RETRY_SECONDS)}))
    except ClientGone:
        return Response(status_code=400)  # which nobody reads
    return told if isinstance(told, Response) else Response(orjson.dumps(told), media_type="application/json")


def answered(planes: Planes, answers: Mapping[str, Answer], missing: GatewayError) -> Endpoint:
    """Return the endpoint of one path, given an answer for each method."""

    async def told(request: Request) -> Told:
        plane = planes()
        database_in(None if plane is None else plane.database)
        assert plane is not None  # as it has a database  # noqa: S101
        try:
            return await answer_of(answers, request)(plane, request)
        except Missing:
            raise missing.with_traceback(None) from None  # one for all: what it went through is not to add up
        except (Ambiguous, Taken, Outdated) as caught:
            raise _conflict(caught) from None

    async def endpoint(request: Request) -> Response:
        return await response_to(lambda: told(request))

    return endpoint


def _conflict(caught: Ambiguous | Taken | Outdated) -> GatewayError:
    match caught:
        case Outdated():
            message = (
                f"It was changed since you read it: the version is {caught.current} now. Read it again, then change it."
            )
            return Conflict(message, code="version_conflict", param="version_id")
        case Ambiguous():
            return Conflict("Several workspaces have one of that name: give its id.", code="ambiguous")
        case _:
            return Conflict("That slug is in use here; choose another one, or leave it out.", param="slug")
