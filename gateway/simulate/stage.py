"""The tree of one config with actors in the places of its providers, in the virtual time of one simulation."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from gateway.catalogue import Catalogue
from gateway.compile import Route, compile_config
from gateway.config.spec import ConfigSpec, TargetSpec
from gateway.images import ImageRequest
from gateway.ledger import MemoryLedger, MemoryRates
from gateway.providers import PROVIDERS
from gateway.rehearsal import Act, Performance, Player, outside
from gateway.rehearsal.player import Script
from gateway.simulate.actor import Actor, Call, Trip, trip_of
from gateway.simulate.faults import Faults
from gateway.simulate.traffic import Arrival
from gateway.simulate.watch import Watch
from gateway.state import Memory
from gateway.target import Outside, Till
from strategies import Context

_CACHE_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Stage:
    """A config, ready for simulated requests."""

    route: Route
    actors: dict[str, Actor]
    """Path → target."""
    watch: Watch
    seed: int

    async def play(self, number: int, arrival: Arrival) -> Performance:
        """Let one request run; its number decides about its chance."""
        trip = Trip(
            rng=random.Random(f"{self.seed}/{number}"),  # noqa: S311 - the same each time is its point
            max_attempts=self.route.spec.max_attempts,
            number=number,
        )
        began = trip.loop.time()
        seconds = self.route.deadline if arrival.seconds is None else arrival.seconds
        outcome = await self.route.tree(arrival.request, Context(trip, began + seconds))
        return Performance(outcome, trip, trip.loop.time() - began)


def stage_of(spec: ConfigSpec, catalogue: Catalogue, faults: Faults, *, seed: int, began: float) -> Stage:
    """Return a stage in the running loop's time, which is 0 at so many seconds since 1970."""
    loop = asyncio.get_running_loop()
    actors: dict[str, Actor] = {}
    watch = Watch()

    def now() -> float:
        return began + loop.time()

    around = _around(catalogue, now)

    def make_leaf(target: TargetSpec, checks: bool) -> Actor:  # noqa: FBT001 - called by position
        script = _script(target, faults, seed)
        actor = Actor(target, PROVIDERS[target.provider], around, checks, script=script, watch=watch)
        actors[target.path] = actor
        return actor

    return Stage(compile_config(spec, make_leaf, now), actors, watch, seed)


def _around(catalogue: Catalogue, now: Callable[[], float]) -> Outside:
    shared = outside(catalogue)
    return Outside(
        transport=shared.transport,
        catalogue=catalogue,
        delivery=shared.delivery,
        state=Memory(_CACHE_BYTES),
        till=Till(ledger=MemoryLedger(now), rates=MemoryRates(now)),
    )


def _script(target: TargetSpec, faults: Faults, seed: int) -> Script:
    manners = faults.of(target.name, target.path)
    # By its name: where another config calls the same provider so, it does the same to the same request there.
    name = f"{seed}/{target.name or target.path}".encode()

    def script(actor: Player, request: ImageRequest, context: Context) -> Act:  # noqa: ARG001 - what a script is told
        trip = trip_of(context)
        act = manners.act(trip.loop.time(), name, trip.number, trip.nth(target.path))
        if context.attempt is not None:
            trip.calls.append(Call(context.attempt, request, act))
        return act

    return script
