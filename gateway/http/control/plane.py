"""What the control plane works with, and how it answers."""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.config.virtual_key import VirtualKey
from gateway.errors import GatewayError
from gateway.http import reply
from gateway.http.body import ClientGone
from gateway.ledger import Spent
from gateway.seldom import SELDOM
from gateway.store.database import Database, StoreLost
from gateway.store.kept import Ambiguous, Missing, Outdated, Taken
from gateway.store.vault import Vault

_log = logging.getLogger("gateway.control")

_RETRY_SECONDS = 2


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
    changed: Callable[[], Awaitable[None]]
    """To be awaited when a change is kept: this process goes by it before anybody is answered."""
    spent: Callable[[Sequence[tuple[str, str]]], Awaitable[Sequence[Spent]]]
    """What accounts have used, each by its name and window; raises `LedgerLost`."""


Planes = Callable[[], Plane | None]
"""`None` where there is no database."""

Answer = Callable[[Plane, Request], Awaitable[Mapping[str, Any]]]
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


def answered(planes: Planes, answers: Mapping[str, Answer], missing: GatewayError) -> Endpoint:
    """Return the endpoint of one path, given an answer for each method."""

    async def endpoint(request: Request) -> Response:
        try:
            plane = planes()
            if plane is None:
                raise StoreUnavailable("No database is open here: start the gateway with --data DIR or --store URL.")
            told = await answers["GET" if request.method == "HEAD" else request.method](plane, request)
        except GatewayError as caught:
            return reply.response(caught)
        except Missing:
            return reply.response(missing)
        except (Ambiguous, Taken, Outdated) as caught:
            return reply.response(_conflict(caught))
        except StoreLost as lost:
            _log.warning("the database does not do as it is asked: %s", lost, extra=SELDOM)
            words = "The database does not answer; nothing is known to have changed. Look again, then try again."
            return reply.response(StoreUnavailable(words, headers={"retry-after": str(_RETRY_SECONDS)}))
        except ClientGone:
            return Response(status_code=400)  # which nobody reads
        return Response(orjson.dumps(told), media_type="application/json")

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
