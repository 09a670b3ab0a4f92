"""The ledger that gateways share: money and pictures, counted by one server, one script for each step."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from gateway.ledger import Crossing, Draw, End, LedgerLost, Refusal, Spent
from gateway.ledger.memory import wall_clock
from gateway.state.redis.debts import Debts, Settled
from gateway.state.redis.ledger_scripts import GIVEN_BACK, RESERVE, SEED, SETTLE, SPENT, SWEEP
from gateway.state.redis.line import ServerLost, Word
from gateway.state.redis.script import Script
from gateway.state.redis.seeds import Seed, Seeds
from gateway.state.redis.server import Server

_SWEPT_AT_ONCE = 100
_ROUNDS = 20
_ASKED_AT_ONCE = 500
_MARGIN_SECONDS = 1.0
_MOST_OPEN = 100_000


class _Unanswered(LedgerLost):
    """The step may have been made, or not."""


class RedisLedger:
    """Money and pictures of all gateways. Each step is one script, so they need no locks and no agreement.

    All keys share one hash tag, as a step touches accounts of every kind: in a cluster one node keeps the ledger.
    """

    settles_at_once: ClassVar[bool] = False

    def __init__(
        self, server: Server, seed: Seed | None = None, tell: Callable[[Crossing], None] | None = None
    ) -> None:
        """Count on a server.

        `seed` is asked what an account has used where the server has no counter of it; without, it begins at nothing.
        `tell` is told of thresholds that were passed by a settlement whose caller had left by then.
        """
        self._server = server
        self._seeds = Seeds(seed, self._plant)
        self._begin = b"" if seed else b"1"
        self._expiries = server.key("{ledger}:expires")
        self._open: dict[str, float] = {}
        self._debts = Debts(self._settle, tell)

    async def reserve(self, id_: str, draws: Sequence[Draw], seconds: float) -> Refusal | None:
        """Take from all accounts or from none.

        A reservation of which nobody knows whether it was made is given back as soon as that can be done.
        """
        if not draws:
            return None
        until = asyncio.get_running_loop().time() + seconds - _MARGIN_SECONDS
        keys: list[Word] = [self._held(id_), self._expiries]
        arguments: list[Word] = [id_, _number(seconds), self._begin]
        for draw in draws:
            limit = draw.account.limit
            keys.append(self._spent(draw.account.name, draw.window.name))
            most, images = (None, None) if limit is None else (limit.credit_micros, limit.images)
            arguments += [draw.micros, draw.images, _optional(most), _optional(images), _optional(draw.window.ends)]
        self._debts.forget(id_)
        try:
            answer = await self._step(RESERVE, keys, arguments, draws)
        except (_Unanswered, asyncio.CancelledError):
            self._debts.owe(id_, GIVEN_BACK, draws, until)
            raise
        if answer == -1:
            raise LedgerLost(f"{self._server.place}: this reservation was given back; ask again with another id")
        if answer:
            return _refusal(draws[(answer - 1) // 2], "credit_limit" if answer % 2 else "image_limit")
        self._remember(id_, until)
        return None

    async def settle(self, id_: str, end: End, draws: Sequence[Draw]) -> Sequence[Crossing]:
        """Put what was really used in the place of what was reserved; what is not answered is settled later."""
        if not draws:
            return ()
        until = self._open.pop(id_, 0.0)
        try:
            return await self._settle(id_, end, draws, until)
        except (LedgerLost, asyncio.CancelledError):
            self._debts.owe(id_, end, draws, until)
            raise

    async def spent(self, accounts: Sequence[tuple[str, str]]) -> Sequence[Spent]:
        """Return what is used."""
        found: list[Spent | None] = []
        for start in range(0, len(accounts), _ASKED_AT_ONCE):
            keys = [self._spent(*account) for account in accounts[start : start + _ASKED_AT_ONCE]]
            found += [
                None if row[0] is None else Spent(*(int(field or 0) for field in row))
                for row in await self._run(SPENT, keys, [])
            ]
        missing = [account for account, spent in zip(accounts, found, strict=True) if spent is None]
        seeded = iter(await self._seeds.ask(missing))
        return [next(seeded) if spent is None else spent for spent in found]

    async def sweep(self) -> int:
        """Count what was reserved and never settled as spent, up to some two thousand reservations."""
        total = 0
        for _ in range(_ROUNDS):
            keys = [self._expiries, self._held("")]
            count, looked_at, *missing = await self._run(SWEEP, keys, [_SWEPT_AT_ONCE, self._begin])
            total += count
            if missing:
                accounts = {self._account(key): ends for key, ends in zip(missing[::2], missing[1::2], strict=True)}
                await self._seeds.plant(accounts)
            elif looked_at < _SWEPT_AT_ONCE:
                break
        return total

    async def close(self) -> None:
        """Stop trying to settle what could not be settled: it counts as spent once it expires."""
        await self._debts.close()
        await self._seeds.close()

    async def _settle(self, id_: str, end: Settled, draws: Sequence[Draw], until: float) -> Sequence[Crossing]:
        left = until - asyncio.get_running_loop().time()
        keys: list[Word] = [self._held(id_), self._expiries]
        # Who knows that it reserved, and that the reservation has not expired, is believed where the server forgot it.
        arguments: list[Word] = [id_, end, self._begin, _number(left) if left > 0 else b""]
        for draw in draws:
            keys.append(self._spent(draw.account.name, draw.window.name))
            alert = None if draw.account.limit is None else draw.account.limit.alert_micros
            arguments += [draw.micros, draw.images, _optional(alert), _optional(draw.window.ends)]
        answer = await self._step(SETTLE, keys, arguments, draws)
        if answer == -1:
            raise ValueError(f"reservation {id_} was made of another number of accounts")
        if answer == 0:
            return ()
        told = answer[1:]
        return [
            Crossing(draws[index].account, draws[index].window.name, int(micros))
            for index, micros in zip(told[::2], told[1::2], strict=True)
        ]

    async def _step(
        self, script: Script, keys: Sequence[Word], arguments: Sequence[Word], draws: Sequence[Draw]
    ) -> Any:  # noqa: ANN401 - a number, or what is told
        for _ in range(3):
            answer = await self._run(script, keys, arguments)
            if not isinstance(answer, list) or answer[0] != b"missing":
                return answer
            lacking = [draws[index] for index in answer[1:]]
            await self._seeds.plant(
                {(draw.account.name, draw.window.name): _optional(draw.window.ends) for draw in lacking}
            )
        raise LedgerLost(f"{self._server.place}: it forgets counters as soon as they are written")

    async def _plant(self, seeds: dict[tuple[str, str], Spent], ends: dict[tuple[str, str], bytes]) -> None:
        keys = [self._spent(*account) for account in seeds]
        arguments: list[Word] = []
        for account, spent in seeds.items():
            arguments += [spent.micros, spent.images, ends[account]]
        await self._run(SEED, keys, arguments)

    async def _run(self, script: Script, keys: Sequence[Word], arguments: Sequence[Word]) -> Any:  # noqa: ANN401
        try:
            return await self._server.run(script, keys, arguments)
        except ServerLost as lost:
            raise _Unanswered(str(lost)) from None

    def _remember(self, id_: str, until: float) -> None:
        self._open[id_] = until
        if len(self._open) > _MOST_OPEN:
            del self._open[next(iter(self._open))]

    def _held(self, id_: str) -> bytes:
        return self._server.key(f"{{ledger}}:held:{id_}")

    def _spent(self, account: str, window: str) -> bytes:
        return self._server.key(f"{{ledger}}:spent:{window}:{account}")

    def _account(self, key: bytes) -> tuple[str, str]:
        window, _, account = key[len(self._spent("", "")) - 1 :].partition(b":")
        return account.decode("utf-8", "surrogatepass"), window.decode()


def _refusal(draw: Draw, which: str) -> Refusal:
    ends = draw.window.ends
    return Refusal(draw.account, which, None if ends is None else max(ends - wall_clock(), 1.0))


def _optional(value: float | None) -> bytes:
    return b"" if value is None else _number(value)


def _number(value: float) -> bytes:
    return str(value).encode()
