"""What every ledger can do: reserve before anything is sent, and settle by what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from gateway.ledger.limits import Kind, RateLimit, UsageLimit, Window
from strategies import value

End = Literal["settled", "released", "maybe_billed"]
"""What became of a reservation: paid, not spent at all, or nobody knows and the estimate stands."""


class LedgerLost(Exception):
    """The ledger did not do as it was asked: nobody knows what is spent now."""


@dataclass(frozen=True, slots=True)
class Account:
    """What is counted for somebody: the key of an application, a virtual key, a provider, a user."""

    name: str
    """Unique among all accounts: `api_key:…`, `virtual_key:…`, `provider:…`, `metadata:…`."""
    words: str
    """How people are told of it: `the key 'team-a'`."""
    limit: UsageLimit | None = None
    rates: tuple[RateLimit, ...] = ()
    counts: frozenset[Kind] = field(init=False, compare=False)
    """What its rates limit."""

    def __post_init__(self) -> None:
        """Look at the rates once."""
        object.__setattr__(self, "counts", frozenset(rate.kind for rate in self.rates))


@value()
class Draw:
    """What one attempt may cost one account."""

    account: Account
    window: Window
    micros: int
    images: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing may be sent, and for how long at least."""

    account: Account
    which: str
    """The limit as it is written: `credit_limit`, `image_limit`, `rate_limits: 60 requests rpm`."""
    seconds: float | None
    """Until there is room again; `None`: nobody knows."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """An account that came to its alert threshold by what was settled just now."""

    account: Account
    window: str
    micros: int


@value()
class Spent:
    """What an account has used of its window: what is settled, and what is under way."""

    micros: int = 0
    held: int = 0
    images: int = 0
    images_held: int = 0


class Ledger(Protocol):
    """Counts money and pictures. Each method is one atomic step; any of them raises `LedgerLost`."""

    settles_at_once: ClassVar[bool]
    """Whether to settle waits for nothing outside this process."""

    async def reserve(self, id_: str, draws: Sequence[Draw], seconds: float) -> Refusal | None:
        """Take from all accounts or from none; after so many seconds the estimate counts as spent.

        Asked again with the same id while it is open, it is the same reservation.
        """
        ...

    async def settle(self, id_: str, end: End, draws: Sequence[Draw]) -> Sequence[Crossing]:
        """Put what was really used in the place of what was reserved; a second time changes nothing.

        `draws` are those of the reservation, with what each account is charged now.
        """
        ...

    async def spent(self, accounts: Sequence[tuple[str, str]]) -> Sequence[Spent]:
        """Return what is used, for each account's name and window."""
        ...

    async def sweep(self) -> int:
        """Count what was reserved and never settled as spent; return how many reservations that were."""
        ...


class Rates(Protocol):
    """Counts requests and pictures over time."""

    async def take(self, account: Account, kind: str, amount: int) -> Refusal | None:
        """Count what begins now against all limits of that kind, or against none; raises `LedgerLost`."""
        ...
