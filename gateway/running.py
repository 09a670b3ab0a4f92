"""The composition root: the one place where the parts of the gateway meet."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import orjson
from starlette.applications import Starlette

from gateway.alerts import Alerts
from gateway.choose import Choice, Chooser
from gateway.choose.callers import Callers
from gateway.cockpit.moment import Moments
from gateway.compile import Route
from gateway.config.snapshot import Snapshot
from gateway.config.spec import TargetSpec
from gateway.config.trusted_hosts import host_matcher
from gateway.config.watch import Configs
from gateway.delivery.store import in_thread
from gateway.explain import explain
from gateway.http.assumed import acts_in
from gateway.http.idempotency import Once
from gateway.http.record import Records
from gateway.http.remote import Remote
from gateway.http.seats import Seats
from gateway.images import ImageRequest, Room
from gateway.keeping import data_folder, kept_intents, kept_pictures
from gateway.ledger import Spent
from gateway.providers import PROVIDERS
from gateway.rehearsal import Act, assuming
from gateway.server import is_loopback
from gateway.settings import Settings
from gateway.siblings import Siblings
from gateway.state import Flights, Memory, SingleFlight, State
from gateway.store.database import Database
from gateway.stores import Stores, opened
from gateway.target import ImageTarget, Outside, Pools, Till, Tokens
from gateway.target.till import Unpriced
from gateway.telemetry import Telemetry
from gateway.transport import ByteBudget, Transport
from gateway.wire import Outcome

if TYPE_CHECKING:
    from gateway.shared import Shared

_log = logging.getLogger("gateway.running")

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
        self.seats: Seats | None = None
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
        self.telemetry = Telemetry(self, self._pools, self._is_stored)
        self.records = Records(settings.log_prompts, tallies=self.telemetry.tallies, traces=self.telemetry.traces)
        self.moments = Moments(self)
        self._chooser = self._new_chooser()

    def chooser(self) -> Chooser:
        """Return the chooser for the configs as they are now; a request keeps the one it began with."""
        if self.live.snapshot is not self._snapshot:
            self._snapshot = self.live.snapshot
            try:
                self._chooser = self._new_chooser()
                self.telemetry.learn(self._snapshot)
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
        acts = acts_in(request.headers, route, only_failures=False)
        now = asyncio.get_running_loop().time()
        story = explain(route, request, self.leaf_of(), acts, seconds=seconds, kept=kept, now=now)
        return orjson.dumps(story, option=orjson.OPT_INDENT_2)

    def assuming(self, route: Route, acts: Mapping[str, Act]) -> Route:
        """Return a route for one request, in which some targets are taken to fail."""
        return assuming(route, acts, self.leaf_of())

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
        siblings = await self._joined()
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
            await self.moments.leave()
            await self.telemetry.close()
            if siblings is not None:
                await asyncio.to_thread(siblings.leave)
            if self._shared is not None:
                await self._shared.close()
            if self.stores is not None:
                await self.stores.close()
            await self._transport.close()

    async def _joined(self) -> Siblings | None:
        """Find the other workers, where there are any."""
        if self.settings.workers == 1:
            return None
        folder = data_folder(self.settings) / "workers"
        try:
            siblings = await asyncio.to_thread(Siblings, folder)
        except OSError as error:
            words = "each worker's /metrics and health tell of itself alone: %s cannot be used (%s). Name a folder "
            _log.warning(words + "that can be written to with --data.", folder, error.strerror or error)
            return None
        self.telemetry.join(siblings)
        self.moments.join(siblings)
        return siblings

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
    def pools(self) -> Pools:
        """What is known of targets."""
        return self._pools

    @property
    def database(self) -> Database | None:
        """Where things are kept, if anywhere."""
        return None if self.stores is None else self.stores.database

    @property
    def snapshot(self) -> Snapshot:
        """What the files hold now."""
        return self._snapshot

    def trusts(self) -> Callable[[str], bool]:
        """Return what tells which hosts the operator trusts."""
        return host_matcher((*self.settings.trusted_hosts, *self._snapshot.gateway.trusted_hosts))

    def leaf_of(self) -> Callable[[TargetSpec, bool], ImageTarget]:
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
            traced=None if self.telemetry.traces is None else self.telemetry.traces.headers_of,
        )

        def leaf(spec: TargetSpec, checks: bool) -> ImageTarget:  # noqa: FBT001 - as the tree calls it
            made = ImageTarget(spec, PROVIDERS[spec.provider], outside, checks)
            self.telemetry.targets.note(made)
            return made

        return leaf

    def _is_stored(self, workspace: str, config: str) -> bool:
        return self.stores is not None and self.stores.stored.config(workspace, config) is not None

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
            make_leaf=self.leaf_of(),
        )


def _shared(settings: Settings) -> "Shared":
    from gateway.shared import Shared  # noqa: PLC0415 - its client is an extra, for those who want it

    return Shared(settings)
