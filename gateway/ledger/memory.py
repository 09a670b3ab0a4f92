"""Ledgers of one process, for what need not outlive it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.ledger.books import PARTS, crossing, ended, part_of, refusal, reserved, wait_for, words_of
from gateway.ledger.protocol import Account, Crossing, Draw, End, Refusal, Spent


def wall_clock() -> float:
    """Return seconds since the epoch: windows are those of the calendar."""
    return time.time()  # noqa: TID251 - weeks, months and minutes are the world's


@dataclass(slots=True)
class _Reservation:
    draws: Sequence[Draw]
    expires: float
    done: bool = False


class MemoryLedger:
    """Money and pictures, as long as the process lives. No method waits, so each is one step."""

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
        reservation = self._reservations.get(id_)
        if reservation is None or reservation.done:
            return ()
        reservation.done = True
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
        return [self._books.get(account, Spent()) for account in accounts]

    async def sweep(self) -> int:
        """Count what was never settled as spent, and forget what is settled and old."""
        late = self.late()
        for id_, draws in late:
            await self.settle(id_, "maybe_billed", draws)
        self.forget_ended()
        return len(late)

    def late(self) -> list[tuple[str, Sequence[Draw]]]:
        """Return the reservations whose time is over, and that were never settled."""
        now = self._now()
        return [(id_, each.draws) for id_, each in self._reservations.items() if each.expires <= now and not each.done]

    def forget_ended(self) -> None:
        """Forget reservations that were settled, once their time is over."""
        now = self._now()
        for id_ in [id_ for id_, each in self._reservations.items() if each.done and each.expires <= now]:
            del self._reservations[id_]

    def open(self) -> list[tuple[str, Sequence[Draw], float]]:
        """Return the reservations that are not settled, each with when its time is over."""
        return [(id_, each.draws, each.expires) for id_, each in self._reservations.items() if not each.done]

    def learn(self, account: tuple[str, str], spent: Spent) -> None:
        """Take over what was used before."""
        self._books[account] = spent

    def recall(self, id_: str, draws: Sequence[Draw], expires: float) -> None:
        """Take over a reservation that was made before, whatever the limits say now."""
        if id_ not in self._reservations:
            for draw in draws:
                self._books[draw.account.name, draw.window.name] = reserved(self._of(draw), draw)
            self._reservations[id_] = _Reservation(draws, expires)

    def _of(self, draw: Draw) -> Spent:
        return self._books.get((draw.account.name, draw.window.name), Spent())


@dataclass(slots=True)
class _Counted:
    parts: dict[int, int] = field(default_factory=dict)


class MemoryRates:
    """Requests and pictures over time, as long as the process lives."""

    def __init__(self, now: Callable[[], float] = wall_clock) -> None:
        """Begin with none."""
        self._now = now
        self._counted: dict[tuple[str, str, str, int], _Counted] = {}

    async def take(self, account: Account, kind: str, amount: int) -> Refusal | None:
        """Count against all limits of that kind, or against none."""
        now = self._now()
        limits = [rate for rate in account.rates if rate.kind == kind]
        found = []
        for rate in limits:
            counted = self._counted.setdefault((account.name, rate.kind, rate.unit, rate.most), _Counted())
            seconds = wait_for(rate, counted.parts, amount, now)
            if seconds != 0:
                return Refusal(account, words_of(rate), seconds)
            found.append(counted)
        for rate, counted in zip(limits, found, strict=True):
            part = part_of(rate, now)
            if part not in counted.parts:
                for old in [each for each in counted.parts if each < part - PARTS]:
                    del counted.parts[old]
            counted.parts[part] = counted.parts.get(part, 0) + amount
        return None
