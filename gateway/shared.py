"""What gateways share by way of Redis or Valkey: cache, flights, idempotency keys, limits, and news for each other."""

import asyncio
import functools

from gateway.ledger import Ledger, Rates
from gateway.settings import Settings
from gateway.state import SingleFlight, State
from gateway.state.claims import Claims
from gateway.state.redis import Bell, Marks, RedisFlights, RedisIntents, RedisLedger, RedisRates, RedisState, Server
from gateway.store.mirror import Mirrored, seeds
from gateway.stores import Stores
from gateway.target import Pools
from gateway.wire import Outcome


class Shared:
    """One server that several gateways use, from this process."""

    def __init__(self, settings: Settings) -> None:
        """Take the server's address; raises `ValueError` where it is none."""
        self.server = Server(settings.redis)
        self.state: State = RedisState(self.server)
        self._flights: RedisFlights[Outcome] = RedisFlights(self.server)
        self.flights: SingleFlight[Outcome] = self._flights
        self._intents = RedisIntents(self.server)
        self.claims: Claims = self._intents
        self.rates: Rates = RedisRates(self.server)
        self.marks = Marks(self.server)
        self._bell = Bell(self.server)
        self._ledger: RedisLedger | None = None
        self._mirror: Mirrored | None = None
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self, pools: Pools, stores: Stores | None) -> None:
        """Hear what the others say, and let them hear what happens here."""
        self.marks.listen(pools.mark)
        pools.tell = self.marks.publish
        if stores is not None:
            self._bell.listen(stores.changed)
            stores.tell = self._bell.ring
            self._ledger = RedisLedger(self.server, functools.partial(seeds, stores.database))
            self._mirror = Mirrored(self._ledger, stores.database)
            self._task = asyncio.create_task(self._mirror.follow(self._stop))

    @property
    def ledger(self) -> Ledger | None:
        """Where budgets are counted; there are none without a database."""
        return self._mirror

    async def close(self) -> None:
        """Say and hear nothing more."""
        self._stop.set()
        if self._task is not None:
            await self._task
        for part in (self._ledger, self._flights, self._intents):
            if part is not None:
                await part.close()
        await self.server.close()
