"""Settlements that could not be made: tried again until the server takes them, so that an outage charges nobody."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.ledger import Crossing, Draw, End, LedgerLost

_log = logging.getLogger("gateway.state")

_PAUSE_SECONDS = 0.5
_MOST = 10_000

Settled = End | Literal["given back"]
"""The last is for what nobody knows to have been reserved: whoever asks for it again is told that it is gone."""
Settle = Callable[[str, Settled, Sequence[Draw], float], Awaitable[Sequence[Crossing]]]


@dataclass(frozen=True, slots=True)
class _Debt:
    end: Settled
    draws: Sequence[Draw]
    until: float


class Debts:
    """What is still to be settled; the oldest are given up where there are too many, and count as spent in the end."""

    def __init__(self, settle: Settle, tell: Callable[[Crossing], None] | None) -> None:
        """Owe nothing yet."""
        self._settle = settle
        self._tell = tell
        self._owed: dict[str, _Debt] = {}
        self._task: asyncio.Task[None] | None = None

    def owe(self, id_: str, end: Settled, draws: Sequence[Draw], until: float) -> None:
        """Note what is to be settled; until then its reservation is known not to have expired."""
        self._owed[id_] = _Debt(end, draws, until)
        if len(self._owed) > _MOST:
            del self._owed[next(iter(self._owed))]
        if self._task is None:
            self._task = asyncio.create_task(self._pay())

    def forget(self, id_: str) -> None:
        """Let somebody try again what was given up."""
        self._owed.pop(id_, None)

    async def close(self) -> None:
        """Try no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _pay(self) -> None:
        try:
            while self._owed:
                id_, debt = next(iter(self._owed.items()))
                try:
                    news = await self._settle(id_, debt.end, debt.draws, debt.until)
                except LedgerLost:
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                except ValueError as error:
                    _log.error("%s", error)
                    news = ()
                if self._owed.get(id_) is debt:
                    del self._owed[id_]
                for crossing in news:
                    if self._tell is not None:
                        self._tell(crossing)
        finally:
            self._task = None
