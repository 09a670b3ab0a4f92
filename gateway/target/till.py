"""Where attempts are paid: what each may cost is reserved before it is sent, and settled by what became of it."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from gateway.config.budgets import Budget
from gateway.ledger import (
    MICROS,
    Account,
    Crossing,
    Draw,
    End,
    Ledger,
    LedgerLost,
    MemoryLedger,
    MemoryRates,
    Rates,
    Refusal,
    window_at,
)
from gateway.seldom import SELDOM
from strategies import Cause, Failure, value

_log = logging.getLogger("gateway.target")

_GRACE_SECONDS = 60.0
"""Past its deadline nothing of a request runs any more: what is reserved then was forgotten by a process that died."""

_GIVEN_BACK_SECONDS = 1.0
"""So long a request that failed waits for its reservation to be given back."""

Unpriced = Literal["refuse", "allow", "estimate"]


@value()
class Reservation:
    """What one attempt has been given."""

    id: str
    draws: Sequence[Draw]


@dataclass(slots=True, eq=False)
class Till:
    """The ledger as attempts see it."""

    ledger: Ledger | None = field(default_factory=MemoryLedger)
    """`None`: there is none, and whoever has a budget is refused."""
    rates: Rates = field(default_factory=MemoryRates)
    budgets: tuple[Budget, ...] = ()
    """Those that only a target says whose they are."""
    unpriced: Unpriced = "refuse"
    unpriced_usd: float = 0.1
    tell: Callable[[Crossing], Coroutine[Any, Any, None]] | None = None
    """What tells people that an account came to its threshold."""
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def admit(self, account: Account, images: int) -> Failure | None:
        """Count a request and its pictures against the rates of an account; a ledger that is lost limits nobody."""
        try:
            for kind, amount in (("requests", 1), ("images", images)):
                if kind in account.counts:
                    refused = await self.rates.take(account, kind, amount)
                    if refused is not None:
                        return _too_often(refused)
        except LedgerLost as lost:
            _log.warning("rate limits cannot be counted, and limit nobody: %s", lost, extra=SELDOM)
        return None

    async def reserve(
        self, accounts: Sequence[Account], usd: float | None, images: int, seconds: float
    ) -> Reservation | Failure:
        """Return what the attempt may spend, or why it may not be made."""
        if usd is None:
            usd = self._guess(accounts, images)
            if usd is None:
                return _unpriced(accounts[0])
        now = time.time()  # noqa: TID251 - budgets go by the calendar
        micros = round(usd * MICROS)
        draws = [
            Draw(account, window_at(account.limit.reset, now), micros, images)
            for account in accounts
            if account.limit is not None
        ]
        if not draws:
            return Reservation("", ())
        reservation = Reservation(f"{random.getrandbits(128):032x}", draws)
        if self.ledger is None:
            return _unavailable("this gateway has no store for it: start it with --data DIR, or --store URL")
        try:
            refused = await self.ledger.reserve(reservation.id, draws, seconds + _GRACE_SECONDS)
        except LedgerLost as lost:
            _log.error("budgets cannot be counted, and requests that have one are refused: %s", lost, extra=SELDOM)
            return _unavailable("what is spent cannot be counted at the moment")
        except asyncio.CancelledError:
            await self.end(reservation, "released")  # it may have been made all the same
            raise
        return reservation if refused is None else _spent(refused)

    async def end(
        self, reservation: Reservation, end: End, usd: float | None = None, images: int | None = None
    ) -> None:
        """Settle, in the background where it takes time; what is lost on the way counts as spent later.

        What was not spent is there again once this returns, as the next target may need it, unless that takes long.
        """
        if not reservation.draws:
            return
        draws = [
            Draw(
                draw.account,
                draw.window,
                draw.micros if usd is None else round(usd * MICROS),
                draw.images if images is None else images,
            )
            for draw in reservation.draws
        ]
        settling = self._settle(reservation.id, end, draws)
        if self.ledger is not None and self.ledger.settles_at_once:
            await settling
            return
        task = self._go(settling)
        if end == "released":
            await asyncio.wait((task,), timeout=_GIVEN_BACK_SECONDS)

    async def close(self) -> None:
        """Wait for what is being settled."""
        while self._under_way:
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def sweep(self) -> None:
        """Count as spent what was reserved by processes that did not live to settle it."""
        if self.ledger is None:
            return
        try:
            late = await self.ledger.sweep()
        except LedgerLost as lost:
            _log.warning("what was reserved and never settled cannot be looked for: %s", lost, extra=SELDOM)
            return
        if late:
            _log.warning("%d attempt(s) were never settled, and count as spent at what they may have cost", late)

    async def _settle(self, id_: str, end: End, draws: Sequence[Draw]) -> None:
        assert self.ledger is not None  # nothing is reserved without  # noqa: S101
        try:
            crossings = await self.ledger.settle(id_, end, draws)
        except LedgerLost as lost:
            words = "an attempt could not be settled, and will count as spent at what it may have cost: %s"
            _log.error(words, lost, extra=SELDOM)
            return
        for crossing in crossings:
            if self.tell is not None:
                self._go(self.tell(crossing))

    def _go(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    def _guess(self, accounts: Sequence[Account], images: int) -> float | None:
        """Return what to count where nobody knows a price, `None` where that is a reason to refuse."""
        counts_money = any(
            account.limit is not None and account.limit.credit_micros is not None for account in accounts
        )
        if not counts_money or self.unpriced == "allow":
            return 0.0
        return self.unpriced_usd * images if self.unpriced == "estimate" else None


def _refused(message: str, code: str, retry_after: float | None = None) -> Failure:
    return Failure(
        cause=Cause.BUDGET,
        code=code,
        message=message,
        reached=False,
        may_be_billed=False,
        retry_after=retry_after,
    )


def _too_often(refusal: Refusal) -> Failure:
    later = "" if refusal.seconds is None else " Send the request again later, as Retry-After says."
    words = f"{refusal.account.words} has reached its limit ({refusal.which}).{later}"
    return _refused(words, "rate_limit_exceeded", refusal.seconds)


def _spent(refusal: Refusal) -> Failure:
    limit = refusal.account.limit
    assert limit is not None  # it is what refused  # noqa: S101
    if refusal.which == "credit_limit":
        most = f"{(limit.credit_micros or 0) / MICROS:g} USD"
    else:
        most = f"{limit.images} pictures"
    again = "It is not renewed"
    if refusal.seconds is not None:
        ends = datetime.fromtimestamp(time.time() + refusal.seconds, UTC)  # noqa: TID251 - as people are told it
        again = f"It is renewed at {ends:%Y-%m-%d %H:%M} UTC"
    words = (
        f"{refusal.account.words} has no room in its {refusal.which} of {most} for what this request may cost. "
        f"{again}; whoever gave it out can raise it."
    )
    return _refused(words, "budget_exceeded", refusal.seconds)


def _unpriced(account: Account) -> Failure:
    return _refused(
        f"{account.words} has a budget, and the price of this request is not known: add the model's price under "
        "`catalogue` in gateway.yaml, or set `unpriced` to estimate or allow.",
        "budget_exceeded",
    )


def _unavailable(why: str) -> Failure:
    return _refused(f"The budget of this request cannot be kept: {why}. Nothing was sent.", "budget_unavailable", 5.0)
