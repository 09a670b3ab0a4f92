"""How the targets of this process are: their breakers, what they asked for, how long they take."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator

from gateway.providers import PROVIDERS
from gateway.target import ImageTarget, Pools
from gateway.telemetry.families import Labels
from gateway.telemetry.labels import KnownWords
from strategies import Health

_KNOWN = 4096
_MOST_SERIES = 500
_WELL, _TRIED, _SICK = 0, 1, 2


class Targets:
    """Finds them by whom they are: one of a caller's own credential is the caller's business, and not told."""

    def __init__(self, pools: Pools, words: Callable[[], KnownWords]) -> None:
        """Look into the pools; `words` say how a provider's model is called."""
        self._pools = pools
        self._words = words
        self._providers: OrderedDict[bytes, str] = OrderedDict()

    def note(self, target: ImageTarget) -> None:
        """Remember whose a target's identity is."""
        self._providers[target.known_as] = target.spec.provider
        self._providers.move_to_end(target.known_as)
        if len(self._providers) > _KNOWN:
            self._providers.popitem(last=False)

    def seen(self) -> Iterator[tuple[Labels, int, float, float | None]]:
        """Yield provider and model, the state of the breaker, seconds to be left alone, and the 95th percentile.

        Of several that go by the same labels, as with two accounts, the worst is told.
        """
        now = asyncio.get_running_loop().time()
        found: dict[Labels, tuple[int, float, float | None]] = {}
        for identity, model, health in self._pools.each():
            provider = self._providers.get(identity)
            if provider is None:
                continue
            labels: Labels = provider, self._called(provider, model)
            own = _state(health, now), max(health.throttled - now, 0.0), health.p95
            before = found.get(labels)
            if before is not None:
                p95 = max((each for each in (before[2], own[2]) if each is not None), default=None)
                found[labels] = max(before[0], own[0]), max(before[1], own[1]), p95
            elif len(found) < _MOST_SERIES:
                found[labels] = own
        for labels, (state, throttled, p95) in found.items():
            yield labels, state, throttled, p95

    def _called(self, provider: str, model: str) -> str:
        # What the sandbox is told to play stands behind its model's name.
        return provider if PROVIDERS[provider].local else self._words().model_of(provider, model)


def _state(health: Health, now: float) -> int:
    open_for = health.breaker.open_for(now)
    if open_for is None:
        return _WELL
    return _SICK if open_for else _TRIED
