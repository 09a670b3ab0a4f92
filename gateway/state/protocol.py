"""What every store of live state can do, whether it is in this process or shared over a network."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from gateway.state.flights import Verdict

_Result = TypeVar("_Result")


class StateLost(Exception):
    """The store did not do as it was asked: nobody knows what it holds for that key now."""


class State(Protocol):
    """Bytes by key, each for a while; a store may forget any of them earlier, as it takes bounded room.

    Each method is one atomic step, whoever else uses the store. Any of them raises `StateLost`, after a second at most.
    """

    async def get(self, key: bytes) -> bytes | None:
        """Return what is kept, if it is."""
        ...

    async def put(self, key: bytes, value: bytes, seconds: float) -> None:
        """Keep something for so many seconds, in the place of what was there."""
        ...

    async def add(self, key: bytes, value: bytes, seconds: float) -> bool:
        """Keep something unless there is something already; return whether it is kept now."""
        ...

    async def drop(self, key: bytes) -> None:
        """Forget what is kept."""
        ...

    async def count(self, key: bytes, seconds: float) -> int:
        """Add one to a number and return it; so many seconds after its first one it begins anew."""
        ...


class SingleFlight(Protocol[_Result]):
    """Calls under way: who wants the same waits for the first, and takes its place where it fails."""

    async def join(
        self,
        key: bytes,
        call: Callable[[], Awaitable[_Result]],
        judge: Callable[[_Result], Verdict],
        *,
        until: float,
        look: Callable[[], Awaitable[_Result | None]],
        anew: bool = False,
    ) -> tuple[_Result, bool]:
        """Return a result, and whether this request made the call itself.

        `look` finds what a call of another gateway has left behind; with `anew`, only that of a call that was under way
        meanwhile will do. Raises `TimeoutError` for a request that still waits for another one at the time given.
        """
        ...
