"""What is known of each target across requests, found by whom it is: provider, host, model and credential."""

import hashlib
from collections.abc import Mapping

from gateway.secret import Secret
from strategies import BreakerRule, Health

_KEPT = 8192

Key = tuple[bytes, str, BreakerRule, int | None]


class Pools:
    """The registry of one process; configs that lead to the same target share what is known of it."""

    def __init__(self) -> None:
        """Know nothing."""
        self._known: dict[Key, Health] = {}

    def health(self, identity: bytes, model: str, rule: BreakerRule, most_at_once: int | None) -> Health:
        """Return what is known of a target, to be added to."""
        key = identity, model, rule, most_at_once
        known = self._known.pop(key, None)
        if known is None:
            if len(self._known) >= _KEPT:
                self._forget()
            known = Health(rule, most_at_once)
        self._known[key] = known  # the last used stands last
        return known

    def _forget(self) -> None:
        """Make room, by what was not used for longest: models and keys are callers' words, and may be new each time."""
        idle = [key for key, health in self._known.items() if not health.in_flight]
        for key in idle[: _KEPT // 4]:
            del self._known[key]


def identity_of(provider: str, base_url: str, credentials: Mapping[str, Secret]) -> bytes:
    """Return what tells targets apart, without holding their credentials."""
    parts = [provider, base_url, *(f"{name}={secret.reveal()}" for name, secret in sorted(credentials.items()))]
    return hashlib.sha256("\0".join(parts).encode()).digest()
