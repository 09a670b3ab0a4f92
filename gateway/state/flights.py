"""Calls under way in this process: who wants the same waits for the first, and takes its place where it fails."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Generic, Literal, TypeVar

_Result = TypeVar("_Result")

Verdict = Literal["for all", "next", "each"]
"""Whether all who wait get a result, one of them makes the next call, or each of them its own."""


class _Turn(Enum):
    LEAD = "the others go on waiting"
    ALONE = "so does everybody else"


class Flights(Generic[_Result]):
    """Who makes a call, and who waits for it, by what the call is for."""

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: dict[bytes, deque[asyncio.Future[_Result | _Turn]]] = {}

    async def join(
        self,
        key: bytes,
        call: Callable[[], Awaitable[_Result]],
        judge: Callable[[_Result], Verdict],
        *,
        until: float,
        look: Callable[[], Awaitable[_Result | None]] | None = None,  # noqa: ARG002 - for those who share with others
        anew: bool = False,  # noqa: ARG002
    ) -> tuple[_Result, bool]:
        """Return a result, and whether this request made the call itself.

        `look` and `anew` are for flights that several gateways share, as `SingleFlight` says. Raises `TimeoutError` for
        a request that still waits for another one at the time given.
        """
        waiting = self._waiting.get(key)
        if waiting is None:
            self._waiting[key] = deque()
        else:
            given = await self._turn(key, waiting, until)
            if not isinstance(given, _Turn):
                return given, False
            if given is _Turn.ALONE:
                return await call(), True
        verdict: Verdict = "next"
        try:
            result = await call()
            verdict = judge(result)
        finally:
            if verdict == "next":
                self._hand_on(key)
        if verdict != "next":
            for turn in self._waiting.pop(key):
                if not turn.done():
                    turn.set_result(result if verdict == "for all" else _Turn.ALONE)
        return result, True

    async def _turn(
        self, key: bytes, waiting: "deque[asyncio.Future[_Result | _Turn]]", until: float
    ) -> _Result | _Turn:
        turn: asyncio.Future[_Result | _Turn] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            async with asyncio.timeout_at(until):
                return await turn
        except (asyncio.CancelledError, TimeoutError):
            # Its caller left in the very moment in which it became the first: others wait behind it.
            if not turn.cancelled() and turn.result() is _Turn.LEAD:
                self._hand_on(key)
            raise

    def _hand_on(self, key: bytes) -> None:
        waiting = self._waiting[key]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(_Turn.LEAD)
                return
        del self._waiting[key]
