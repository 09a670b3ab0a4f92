"""Tokens that providers want in place of the target's credential: minted once, kept until shortly before they end."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from gateway.secret import Secret
from gateway.wire import Minted, Target
from strategies import Failure

_MARGIN_SECONDS = 60.0
_KEPT = 1024


@dataclass(slots=True)
class _Kept:
    minted: Minted
    until: float


@dataclass(slots=True, eq=False)
class Tokens:
    """The tokens of one process; those who want the same one wait for one to mint it."""

    _kept: dict[str, _Kept] = field(default_factory=dict)
    _minting: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def token(
        self, target: Target, mint: Callable[[], Awaitable[Minted | Failure]]
    ) -> Mapping[str, Secret] | Failure:
        """Return the token of a target, minted where none is kept that lasts."""
        name, time_of = _name(target), asyncio.get_running_loop().time
        kept = self._kept.get(name)
        if kept is not None and time_of() < kept.until:
            return kept.minted.credentials
        lock = self._minting.setdefault(name, asyncio.Lock())
        async with lock:
            kept = self._kept.get(name)
            if kept is not None and time_of() < kept.until:
                return kept.minted.credentials
            try:
                minted = await mint()
            finally:
                self._minting.pop(name, None)  # whoever waits holds it, and finds the token, or mints in its turn
            if isinstance(minted, Failure):
                return minted
            if len(self._kept) >= _KEPT:
                self._forget()
            # A short-lived token is used for half its life at least.
            lasting = max(minted.seconds - _MARGIN_SECONDS, minted.seconds / 2)
            self._kept[name] = _Kept(minted, time_of() + lasting)
            return minted.credentials

    def drop(self, target: Target, refused: Mapping[str, Secret]) -> None:
        """Forget a token that the provider does not take any more, unless a newer one is kept already."""
        name = _name(target)
        kept = self._kept.get(name)
        if kept is not None and kept.minted.credentials == refused:
            del self._kept[name]

    def _forget(self) -> None:
        """Make room: what ends first goes first."""
        for name in sorted(self._kept, key=lambda name: self._kept[name].until)[: _KEPT // 4]:
            del self._kept[name]


def _name(target: Target) -> str:
    """Return what tells credentials apart, without holding them."""
    parts = [target.provider]
    parts += [f"{key}={secret.reveal()}" for key, secret in sorted(target.credentials.items())]
    parts += [f"{key}={value}" for key, value in sorted(target.options.items())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
