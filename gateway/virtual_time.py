"""An event loop whose clock jumps to whatever is due next: an hour of waiting costs nothing."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stalled(RuntimeError):
    """Everything waits, and nothing that could wake it is due: in real time this would hang."""


class _Clock(selectors.SelectSelector):
    """Stands where the loop waits for sockets; instead of waiting it moves the time on."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let the time pass in which nothing would have happened."""
        if timeout is None:
            raise Stalled("every task waits for something that is no timer; sockets and threads have no virtual time")
        self.now += max(timeout, 0.0)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Runs timers and tasks in virtual time, from 0; has no I/O, and threads cannot wake it."""

    def __init__(self) -> None:
        """Start the clock at 0."""
        self._clock = _Clock()
        super().__init__(self._clock)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._clock.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time: what `asyncio.run` does in real time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
