"""One request through a tree of players, and what became of it."""

import random
from dataclasses import dataclass

from gateway.catalogue import Catalogue
from gateway.compile import Route
from gateway.delivery import Delivery
from gateway.images import ImageRequest
from gateway.target import Outside
from gateway.transport import Transport
from gateway.wire import Outcome
from strategies import Context, Journey


class _Pretended(Delivery):
    """A place for pictures that takes none: players paint nothing that could be kept."""

    @property
    def keeps(self) -> bool:
        """Whether there is a place for pictures."""
        return True


@dataclass(frozen=True, slots=True)
class Performance:
    """What became of one request."""

    outcome: Outcome
    journey: Journey
    seconds: float


def outside(catalogue: Catalogue) -> Outside:
    """Return what players share: nothing leads out, and nothing is known of them yet."""
    return Outside(
        transport=Transport(max_response_bytes=0, trust_loopback=False), catalogue=catalogue, delivery=_Pretended()
    )


async def perform(route: Route, request: ImageRequest, rng: random.Random, seconds: float | None = None) -> Performance:
    """Let a request run through a route, for as many seconds as its caller allows."""
    journey = Journey(rng=rng, max_attempts=route.spec.max_attempts)
    began = journey.loop.time()
    limit = route.deadline if seconds is None else seconds
    outcome = await route.tree(request, Context(journey, began + limit))
    return Performance(outcome, journey, journey.loop.time() - began)
