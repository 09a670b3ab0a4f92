"""Timers for what is nearly always over long before: only a request that takes its time pays for one."""

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

_TICK_SECONDS = 0.1
"""How long alarms wait together before each has a timer of its own, which is what costs."""
_ENDED = (asyncio.CancelledError, TimeoutError)


class Alarm:
    """Calls back at a moment of a loop's clock, unless it is called off before."""

    __slots__ = ("_callback", "_timer", "_waiting", "_when")

    def __init__(self, when: float, callback: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        """Set it; whoever has the loop at hand says so, as asking for it costs a call of the system."""
        self._callback = callback
        self._when = when
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = _here.alarms_of(loop)
        if when - loop.time() > 2 * _TICK_SECONDS:
            self._waiting[self] = None
        else:
            self._timer = loop.call_at(when, callback)

    def cancel(self) -> None:
        """Call it off."""
        if self._timer is None:
            self._waiting.pop(self, None)
        else:
            self._timer.cancel()
        self._callback = _nothing  # whose callback it is may well hold the alarm: a circle, for the collector to find

    def wind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give it a timer of its own."""
        self._timer = loop.call_at(self._when, self._callback)


def _nothing() -> None:
    """Be called in vain."""


class Until:
    """Ends what runs inside it at a moment, as `asyncio.timeout_at` does; whoever reads `expired` hears of it."""

    __slots__ = ("_alarm", "_cancelling", "_loop", "_task", "expired")

    def __init__(self, when: float, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Begin with `with`, at once: the alarm is set."""
        self._loop = loop or asyncio.get_running_loop()
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("only a task can be ended at a moment")
        self._task = task
        self._cancelling = task.cancelling()
        self.expired = False
        self._alarm = Alarm(when, self._ring, self._loop)

    def move(self, when: float) -> None:
        """End it at another moment."""
        self._alarm.cancel()
        self._alarm = Alarm(when, self._ring, self._loop)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> bool:
        """Swallow the cancellation that is its own, or what became of it; another one that came as well passes."""
        self._alarm.cancel()
        if self.expired:
            self.expired = self._task.uncancel() <= self._cancelling and kind is not None and issubclass(kind, _ENDED)
        return self.expired

    def _ring(self) -> None:
        self.expired = True
        self._task.cancel()


class _Here(threading.local):
    """The alarms of the loop that runs in a thread."""

    loop: asyncio.AbstractEventLoop | None = None
    alarms: dict[Alarm, None]
    ticks: bool

    def alarms_of(self, loop: asyncio.AbstractEventLoop) -> dict[Alarm, None]:
        if self.loop is not loop:
            self.loop, self.alarms, self.ticks = loop, {}, False
        if not self.ticks:
            self.ticks = True
            loop.call_later(_TICK_SECONDS, self._tick, loop, self.alarms)
        return self.alarms

    def _tick(self, loop: asyncio.AbstractEventLoop, alarms: dict[Alarm, None]) -> None:
        if self.loop is loop:
            self.ticks = False
        for alarm in alarms:
            alarm.wind(loop)
        alarms.clear()


_here = _Here()
