"""What is known of each target across requests, found by whom it is: provider, host, model and credential."""

import asyncio
import functools
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping

from gateway.secret import Secret
from strategies import BreakerRule, Health
from strategies.health import LONGEST_THROTTLE

_KEPT = 8192


class Pools:
    """The registry of one process; configs that lead to the same target share what is known of it."""

    def __init__(self) -> None:
        """Know nothing."""
        self._known: OrderedDict[tuple[bytes, str], Health] = OrderedDict()
        self.tell: Callable[[bytes, str, float], None] | None = None
        """What passes on to other gateways that a target asked to be left alone, and for how many seconds."""
        self._marked: OrderedDict[tuple[bytes, str], float] = OrderedDict()
        """What other gateways were told, of targets that nobody has asked for here."""

    def health(self, identity: bytes, model: str, rule: BreakerRule, most_at_once: int | None) -> Health:
        """Return what is known of a target, to be added to; its rule and limit are a part of its identity."""
        key = identity, model
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _KEPT:
                self._forget()
            tell = None if self.tell is None else functools.partial(self.tell, identity, model)
            known = self._known[key] = Health(rule, most_at_once, tell)
            known.throttled = self._marked.pop(key, known.throttled)
        else:
            self._known.move_to_end(key)
        return known

    def each(self) -> Iterator[tuple[bytes, str, Health]]:
        """Yield all that is known, the last asked for first: identity and model of a target, and how it is."""
        for (identity, model), known in reversed(self._known.items()):
            yield identity, model, known

    def mark(self, identity: bytes, model: str, seconds: float) -> None:
        """Take over from another gateway that a target asked to be left alone."""
        until = asyncio.get_running_loop().time() + min(seconds, LONGEST_THROTTLE)
        known = self._known.get((identity, model))
        if known is not None:
            known.throttled = max(known.throttled, until)
            return
        self._marked[identity, model] = until
        if len(self._marked) > _KEPT:
            self._marked.popitem(last=False)

    def _forget(self) -> None:
        """Make room, by what was not used for longest: models and keys are callers' words, and may be new each time."""
        idle = [key for key, health in self._known.items() if not health.in_flight]
        for key in idle[: _KEPT // 4]:
            del self._known[key]


def identity_of(provider: str, base_url: str, credentials: Mapping[str, Secret]) -> bytes:
    """Return what tells targets apart, without holding their credentials."""
    parts = [provider, base_url, *(f"{name}={secret.reveal()}" for name, secret in sorted(credentials.items()))]
    return hashlib.sha256("\0".join(parts).encode()).digest()


def identity_under(identity: bytes, rule: BreakerRule, most_at_once: int | None) -> bytes:
    """Return the identity of a target as one config knows it: what another one calls sick, or busy, is its own."""
    codes = None if rule.codes is None else sorted(rule.codes)
    limits = rule.consecutive, rule.share, rule.minimum, rule.cooldown, codes, most_at_once
    return hashlib.sha256(identity + repr(limits).encode()).digest()
