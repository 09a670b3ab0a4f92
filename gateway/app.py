"""The composition root: the one place where the parts of the gateway meet."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.alerts import Alerts
from gateway.choose import Choice, Chooser
from gateway.choose.callers import Callers
from gateway.config.snapshot import Snapshot
from gateway.config.spec import TargetSpec
from gateway.config.trusted_hosts import host_matcher
from gateway.config.watch import Configs
from gateway.delivery.store import in_thread
from gateway.explain import explain
from gateway.http.door import Door
from gateway.http.envelope import envelope
from gateway.http.files import Files
from gateway.http.guard import Guard
from gateway.http.idempotency import Once
from gateway.http.images import Images
from gateway.http.incoming import JSON_EDIT_BYTES, Incoming
from gateway.http.models import Models
from gateway.http.openapi import described
from gateway.http.record import Records
from gateway.http.remote import Remote
from gateway.http.seats import Seats
from gateway.images import ImageRequest, Room
from gateway.keeping import kept_intents, kept_pictures
from gateway.ledger import Spent
from gateway.planes import routes_of
from gateway.providers import PROVIDERS
from gateway.server import is_loopback
from gateway.settings import Settings
from gateway.state import Flights, Memory, SingleFlight, State
from gateway.stores import Stores, opened
from gateway.target import ImageTarget, Outside, Pools, Till, Tokens
from gateway.target.till import Unpriced
from gateway.transport import ByteBudget, Transport
from gateway.wire import Outcome

if TYPE_CHECKING:
    from gateway.shared import Shared

_log = logging.getLogger("gateway.app")

_GENERATIONS = "/v1/images/generations"
_IMAGES = tuple(f"{root}/images/{what}" for root in ("/v1", "") for what in ("generations", "edits", "variations"))
_SWEEP_SECONDS = 600.0
_SETTLE_SECONDS = 30.0
_LAST_SECONDS = 30.0
"""For what goes on although its callers have left, as it has an idempotency key; the server waits no longer."""


class Gateway:
    """What lives as long as the process: configs, the routes compiled from them, the way out."""

    def __init__(self, settings: Settings, live: Configs) -> None:
        """Compile what the files hold now."""
        self.settings = settings
        self.live = live
        self.stopping = asyncio.Event()
        self._transport = Transport(
            max_response_bytes=settings.max_response_bytes,
            trust_loopback=is_loopback(settings.host),
        )
        self.delivery = kept_pictures(settings)
        self.budget = ByteBudget(settings.byte_budget)
        self.stores: Stores | None = None
        self.records = Records(settings.log_prompts)
        self._till = Till(
            ledger=None,
            unpriced=cast("Unpriced", settings.unpriced),
            unpriced_usd=settings.unpriced_usd,
            tell=Alerts(settings.alert_webhook, settings.alert_secret).tell,
        )
        self._shared = None if not settings.redis else _shared(settings)
        self._state: State = Memory(settings.cache_bytes) if self._shared is None else self._shared.state
        self._flights: SingleFlight[Outcome] = Flights() if self._shared is None else self._shared.flights
        self._intents = kept_intents(settings) if self._shared is None else None
        self.once = Once(self._intents if self._shared is None else self._shared.claims)
        self._tokens, self._pools = Tokens(), Pools()
        self._snapshot = live.snapshot
        self._chooser = self._new_chooser()

    def chooser(self) -> Chooser:
        """Return the chooser for the configs as they are now; a request keeps the one it began with."""
        if self.live.snapshot is not self._snapshot:
            self._snapshot = self.live.snapshot
            try:
                self._chooser = self._new_chooser()
            except Exception:  # noqa: BLE001 - what reading let through by a fault of ours must not reach traffic either
                _log.exception("the changed configs cannot be compiled; those before them go on serving")
        return self._chooser

    def callers(self) -> Callers:
        """Return the keys there are now."""
        return self.chooser().callers

    def till(self) -> Till:
        """Return where requests are paid now."""
        return self._till

    async def spent(self, accounts: Sequence[tuple[str, str]]) -> Sequence[Spent]:
        """Return what accounts have used of their windows; raises `LedgerLost`."""
        ledger = self._till.ledger
        return [Spent()] * len(accounts) if ledger is None else await ledger.spent(accounts)

    async def explained(self, choice: Choice, request: ImageRequest, seconds: float) -> bytes:
        """Return the story of a route, as `x-gateway-explain` answers it."""
        route = choice.route
        kept = {path: await cache.verdict(request) for path, cache in route.caches.items()}
        story = explain(route, request, self._leaf_of(), seconds=seconds, kept=kept)
        return orjson.dumps(story, option=orjson.OPT_INDENT_2)

    async def fetch(self, address: str, param: str, room: Room) -> bytes:
        """Return the picture that a caller's link leads to."""
        return await Remote(self._transport, self.trusts())(address, param, room)

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Open what needs a running loop, and close it again."""
        await self._transport.open()
        await self._open_stores()
        tasks = [asyncio.create_task(self.live.watch(self.stopping)), asyncio.create_task(self._sweep())]
        tasks.append(asyncio.create_task(self._settle()))
        told = asyncio.create_task(self._told_to_stop())
        try:
            yield
        finally:
            self.stopping.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            left = await told + self.settings.drain_seconds - asyncio.get_running_loop().time()
            await self.once.finish(min(max(left, 0.0), _LAST_SECONDS))
            await self._till.close()
            if self._shared is not None:
                await self._shared.close()
            if self.stores is not None:
                await self.stores.close()
            await self._transport.close()

    async def _open_stores(self) -> None:
        self.stores = stores = await opened(self.settings)
        if stores is not None:
            self.records.journal = stores.journal
            stores.begin()
        if self._shared is not None:
            self._shared.begin(self._pools, stores)
        self._chooser = self._new_chooser()

    async def _told_to_stop(self) -> float:
        await self.stopping.wait()
        return asyncio.get_running_loop().time()

    async def _sweep(self) -> None:
        """Remove what is too old, now and then."""
        stores = [store for store in (self.delivery.store, self._intents) if store is not None]
        while stores:
            for store in stores:
                try:
                    await in_thread(store.sweep)
                except OSError as error:
                    _log.warning("what is kept cannot be swept: %s", error)
            await asyncio.sleep(_SWEEP_SECONDS)

    async def _settle(self) -> None:
        """Count as spent, now and then, what nobody lived to settle."""
        while True:
            await self._till.sweep()
            await asyncio.sleep(_SETTLE_SECONDS)

    @property
    def snapshot(self) -> Snapshot:
        """What the files hold now."""
        return self._snapshot

    def trusts(self) -> Callable[[str], bool]:
        """Return what tells which hosts the operator trusts."""
        return host_matcher((*self.settings.trusted_hosts, *self._snapshot.gateway.trusted_hosts))

    def _leaf_of(self) -> Callable[[TargetSpec, bool], ImageTarget]:
        """Return what makes the node that talks to one target."""
        outside = Outside(
            transport=self._transport,
            catalogue=self._snapshot.gateway.catalogue,
            delivery=self.delivery,
            tokens=self._tokens,
            pools=self._pools,
            state=self._state,
            flights=self._flights,
            till=self._till,
            trusts=self.trusts(),
        )
        return lambda spec, checks: ImageTarget(spec, PROVIDERS[spec.provider], outside, checks)

    def _new_chooser(self) -> Chooser:
        settings, stores, gateway = self.settings, self.stores, self._snapshot.gateway
        till = self._till
        till.budgets = tuple(budget for budget in gateway.budgets if budget.by_target)
        if stores is not None:
            till.ledger, till.rates = stores.ledger, stores.rates
        if self._shared is not None:
            till.ledger, till.rates = self._shared.ledger, self._shared.rates
        callers = Callers(
            gateway.api_keys,
            None if stores is None else stores.stored,
            admin=None if stores is None else stores.admin,
            open_without_keys=settings.open or is_loopback(settings.host),
        )
        return Chooser(
            self._snapshot,
            callers=callers,
            stored=None if stores is None else stores.stored,
            default_config=self.settings.default_config or None,
            trusted_hosts=self.settings.trusted_hosts,
            make_leaf=self._leaf_of(),
        )


def _shared(settings: Settings) -> "Shared":
    from gateway.shared import Shared  # noqa: PLC0415 - its client is an extra, for those who want it

    return Shared(settings)


def build(settings: Settings, live: Configs) -> tuple[ASGIApp, Gateway]:
    """Return the application, and what it holds."""
    gateway = Gateway(settings, live)
    incoming = Incoming(
        max_json_bytes=settings.max_json_bytes, max_upload_bytes=settings.max_upload_bytes, fetch=gateway.fetch
    )
    seats = Seats(settings.max_in_flight, most_each=settings.max_in_flight_per_key, most_waiting=settings.max_queued)
    images = Images(
        gateway.chooser,
        gateway.explained,
        incoming=incoming,
        budget=gateway.budget,
        once=gateway.once,
        seats=seats,
        till=gateway.till,
        records=gateway.records,
    )
    models, files = Models(gateway.chooser), Files(gateway.delivery)
    slow = Starlette(
        routes=[
            HttpRoute("/livez", _livez),
            HttpRoute("/readyz", _readyz(gateway)),
            HttpRoute("/openapi.json", described),
            *(HttpRoute(path, images, methods=["POST"]) for path in _IMAGES),
            *(HttpRoute(root + "/images/files/{name}", files.__call__) for root in ("/v1", "")),
            *(HttpRoute(root + "/models", models.__call__) for root in ("/v1", "")),
            *(HttpRoute(root + "/models/{id:path}", models.__call__) for root in ("/v1", "")),
            *routes_of(gateway),
        ],
        exception_handlers={HTTPException: _refused},
        lifespan=gateway.lifespan,
    )
    slow.router.redirect_slashes = False  # a redirect would be built from the caller's Host, and has no envelope
    hot = {("POST", path): images for path in _IMAGES}
    caps = {path: settings.max_json_bytes for path in _IMAGES if path.endswith("generations")}
    uploads = max(settings.max_upload_bytes, JSON_EDIT_BYTES)
    caps |= {path: uploads for path in _IMAGES if path not in caps}
    door = Door(_shortcut(hot, slow), gateway.callers)
    return Guard(door, cap=lambda path: caps.get(path, settings.max_json_bytes)), gateway


def _shortcut(hot: Mapping[tuple[str, str], ASGIApp], otherwise: ASGIApp) -> ASGIApp:
    """Spare the routes that carry the load the search through all routes."""

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        application = otherwise
        if scope["type"] == "http":
            application = hot.get((scope["method"], scope["path"]), otherwise)
        await application(scope, receive, send)

    return dispatch


async def _livez(_: Request) -> Response:
    return Response(b'{"status":"alive"}', media_type="application/json")


def _readyz(gateway: Gateway) -> Callable[[Request], Awaitable[Response]]:
    async def readyz(_: Request) -> Response:
        stopping = gateway.stopping.is_set()
        body = {
            "status": "stopping" if stopping else "ready",
            "configs": sorted(gateway.live.snapshot.configs),
            "problems": [str(problem) for problem in gateway.live.problems],
            "reloads": gateway.live.reloads,
            "failed_reloads": gateway.live.failed_reloads,
            **({"store": "none"} if gateway.stores is None else gateway.stores.told()),
        }
        return Response(orjson.dumps(body), status_code=503 if stopping else 200, media_type="application/json")

    return readyz


async def _refused(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, HTTPException)  # it is registered for these alone  # noqa: S101
    status, headers = refused.status_code, refused.headers
    method, path = request.method, request.scope["path"][:200]
    if status == 405:  # noqa: PLR2004
        allowed = (headers or {}).get("Allow", "POST")
        message, code = f"{method} is not answered at {path}; send {allowed}.", "method_not_allowed"
    else:
        message = (
            f"{path} is nothing that is served here. Pictures are made by POST {_GENERATIONS}, /v1/images/edits and "
            "/v1/images/variations; GET /v1/models lists the models; how the gateway is, is said at /livez and /readyz."
        )
        code = "unknown_url"
    body = envelope(message, type_="invalid_request_error", code=code)
    return Response(body, status_code=status, headers=headers, media_type="application/json")
