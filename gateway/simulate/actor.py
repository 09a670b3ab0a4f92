"""One target of a simulation, and what it has to know of the request that calls it."""

from dataclasses import dataclass, field

from gateway.images import ImageRequest
from gateway.rehearsal import Act, Player
from gateway.simulate.watch import Watch
from strategies import Context, Health, Journey, Try


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a provider, and what it was decided to do with it."""

    attempt: Try
    request: ImageRequest
    act: Act


@dataclass(slots=True, kw_only=True)
class Trip(Journey):
    """The story of one simulated request."""

    number: int
    calls: list[Call] = field(default_factory=list)

    def nth(self, path: str) -> int:
        """Return how many calls of a target were made before."""
        return sum(call.attempt.target == path for call in self.calls)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Actor(Player):
    """A player that is watched."""

    watch: Watch

    def health(self, request: ImageRequest) -> Health:
        """Return what is known of this target; every sandbox stands for a provider of its own."""
        if self.adapter.local:
            spec = self.spec
            name = self.model or request.model or ""
            known_as = self.known_as + spec.path.encode()
            known = self.outside.pools.health(known_as, name, spec.breaker, spec.max_in_flight)
        else:
            known = Player.health(self, request)
        self.watch.see(known, self.spec.path)
        return known


def trip_of(context: Context) -> Trip:
    """Return the trip that a call is made on."""
    trip = context.journey
    if not isinstance(trip, Trip):
        raise TypeError("an actor plays for simulated requests alone")
    return trip
