"""Ledgers of one process, for what need not outlive it."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from gateway.ledger.books import PARTS, crossing, ended, part_of, refusal, reserved, wait_for, words_of
from gateway.ledger.limits import RateLimit
from gateway.ledger.protocol import Account, Crossing, Draw, End, Refusal, Spent

_ROOM = 10_000
_NOTHING = Spent()


def wall_clock() -> float:
    """Return seconds since the epoch: windows are those of the calendar."""
    return time.time()  # noqa: TID251 - weeks, months and minutes are the world's


@dataclass(slots=True)
class _Reservation:
    draws: Sequence[Draw]
    expires: float


class MemoryLedger:
    """Money and pictures, as long as the process lives. No method waits, so each is one step."""

    settles_at_once: ClassVar[bool] = True

    def __init__(self, now: Callable[[], float] = wall_clock) -> None:
        """Begin with nothing spent."""
        self._now = now
        self._books: dict[tuple[str, str], Spent] = {}
        self._reservations: dict[str, _Reservation] = {}

    async def reserve(self, id_: str, draws: Sequence[Draw], seconds: float) -> Refusal | None:
        """Take from all accounts or from none."""
        if id_ in self._reservations:
            return None
        now = self._now()
        for draw in draws:
            refused = refusal(draw, self._of(draw), now)
            if refused is not None:
                return refused
        for draw in draws:
            self._books[draw.account.name, draw.window.name] = reserved(self._of(draw), draw)
        self._reservations[id_] = _Reservation(draws, now + seconds)
        return None

    async def settle(self, id_: str, end: End, draws: Sequence[Draw]) -> Sequence[Crossing]:
        """Put what was really used in the place of what was reserved."""
        reservation = self._reservations.pop(id_, None)
        if reservation is None:
            return ()
        crossings = []
        for held, charged in zip(reservation.draws, draws, strict=True):
            before = self._of(held)
            after = ended(before, (held.micros, held.images), end, (charged.micros, charged.images))
            self._books[held.account.name, held.window.name] = after
            crossed = crossing(held.account, held.window.name, before.micros, after.micros)
            if crossed is not None:
                crossings.append(crossed)
        return crossings

    async def spent(self, accounts: Sequence[tuple[str, str]]) -> Sequence[Spent]:
        """Return what is used."""
        return [self._books.get(account, _NOTHING) for account in accounts]

    async def sweep(self) -> int:
        """Count what was never settled as spent."""
        late = self.late()
        for id_, draws in late:
            await self.settle(id_, "maybe_billed", draws)
        return len(late)

    def late(self) -> list[tuple[str, Sequence[Draw]]]:
        """Return the reservations whose time is over, and that were never settled."""
        now = self._now()
        return [(id_, each.draws) for id_, each in self._reservations.items() if each.expires <= now]

    def open(self) -> list[tuple[str, Sequence[Draw], float]]:
        """Return the reservations that are not settled, each with when its time is over."""
        return [(id_, each.draws, each.expires) for id_, each in self._reservations.items()]

    def learn(self, account: tuple[str, str], spent: Spent) -> None:
        """Take over what was used before."""
        self._books[account] = spent

    def forget(self, accounts: Iterable[tuple[str, str]]) -> None:
        """Forget what accounts have used: it is known elsewhere, and nothing of it is under way."""
        for account in accounts:
            self._books.pop(account, None)

    def recall(self, id_: str, draws: Sequence[Draw], expires: float) -> None:
        """Take over a reservation that was made before, whatever the limits say now."""
        if id_ not in self._reservations:
            for draw in draws:
                self._books[draw.account.name, draw.window.name] = reserved(self._of(draw), draw)
            self._reservations[id_] = _Reservation(draws, expires)

    def _of(self, draw: Draw) -> Spent:
        return self._books.get((draw.account.name, draw.window.name), _NOTHING)


@dataclass(slots=True)
class _Counted:
    rate: RateLimit
    parts: dict[int, int] = field(default_factory=dict)
    """What was counted in each part of time, the oldest first."""
    total: int = 0

    def forget(self, now: float) -> int:
        """Forget the parts that are over; return the one that is now."""
        part = part_of(self.rate, now)
        while self.parts:
            oldest = next(iter(self.parts))
            if oldest >= part - PARTS:
                break
            self.total -= self.parts.pop(oldest)
        return part


class MemoryRates:
    """Requests and pictures over time, as long as the process lives."""

    def __init__(self, now: Callable[[], float] = wall_clock) -> None:
        """Begin with none."""
        self._now = now
        self._counted: dict[tuple[str, str, str, int], _Counted] = {}
        self._room = _ROOM

    async def take(self, account: Account, kind: str, amount: int) -> Refusal | None:
        """Count against all limits of that kind, or against none."""
        now = self._now()
        limits = [rate for rate in account.rates if rate.kind == kind]
        found = []
        for rate in limits:
            counted = self._counter(account, rate, now)
            part = counted.forget(now)
            if counted.total + amount > rate.most:
                return Refusal(account, words_of(rate), wait_for(rate, counted.parts, amount, now))
            found.append((counted, part))
        for counted, part in found:
            counted.parts[part] = counted.parts.get(part, 0) + amount
            counted.total += amount
        return None

    def _counter(self, account: Account, rate: RateLimit, now: float) -> _Counted:
        name = account.name, rate.kind, rate.unit, rate.most
        counted = self._counted.get(name)
        if counted is None:
            if len(self._counted) >= self._room:
                self._forget(now)
            counted = self._counted[name] = _Counted(rate)
        return counted

    def _forget(self, now: float) -> None:
        """Forget who has not come for long: whoever asks may be one of millions of users."""
        for name, counted in [*self._counted.items()]:
            counted.forget(now)
            if not counted.parts:
                del self._counted[name]
        self._room = max(2 * len(self._counted), _ROOM)
