"""The server as a process: signals, workers, and what it says when its port is taken."""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TypeAlias

from starlette.types import ASGIApp

from gateway.server.scrub import scrub_logs
from gateway.server.serving import Drain, serve
from gateway.server.sockets import CannotBind, bind

MakeApp: TypeAlias = Callable[[], tuple[ASGIApp, asyncio.Event]]

_CANNOT_BIND = 2
_INTERRUPTED = 130
_WATCHDOG_SECONDS = 10.0
_SWITCH_SECONDS = 0.0005
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_FREE = 1 << 25
_LARGE_BLOCK = 1 << 22


def run(
    make_app: MakeApp,
    *,
    host: str,
    port: int,
    workers: int = 1,
    on_bound: Callable[[int], None] | None = None,
    drain_seconds: float = 190.0,
    grace_seconds: float = 5.0,
) -> int:
    """Serve until a signal comes and return the exit code; `make_app` returns the app and the event that stops it.

    With several workers each process makes its own app; all share one listening socket.
    """
    scrub_logs()
    _give_memory_back()
    # Threads decode and keep pictures: between two slices of theirs the event loop has its turn at once.
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        bound = bind(host, port)
    except CannotBind as error:
        sys.stderr.write(f"{error}\n")
        return _CANNOT_BIND
    drain = Drain(seconds=drain_seconds, grace=grace_seconds)
    if workers == 1:
        return _work(make_app, bound, drain, on_bound=on_bound)
    children = set()
    orphaned, lives = os.pipe()  # nobody writes: its end is that of the process which holds the other side open
    for _ in range(workers):
        child = os.fork()
        if child == 0:
            os.close(lives)
            # The terminal's Ctrl-C reaches every process; the parent's word is the one that counts.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            code = 1
            try:
                code = _work(make_app, bound, drain, orphaned=orphaned)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        children.add(child)
    if on_bound is not None:
        on_bound(bound.getsockname()[1])
    bound.close()
    os.close(orphaned)
    return _supervise(children)


def _work(
    make_app: MakeApp,
    bound: socket.socket,
    drain: Drain,
    *,
    on_bound: Callable[[int], None] | None = None,
    orphaned: int | None = None,
) -> int:
    async def main() -> None:
        app, stop = make_app()
        with _signals(stop, drain, orphaned):
            await serve(app, host="", port=0, stop=stop, sockets=[bound], on_bound=on_bound, drain=drain)

    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(main())
    except KeyboardInterrupt:  # before our handlers were in place
        return _INTERRUPTED
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop


def _supervise(children: set[int]) -> int:
    """Wait for all workers; the first that fails, and every signal, ends them all."""

    def forward(*_: object) -> None:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGINT, forward)
    worst = 0
    while children:
        child, status = os.wait()
        children.discard(child)
        code = os.waitstatus_to_exitcode(status)
        worst = max(worst, code if code >= 0 else 128 - code)
        if code != 0:
            forward()
    return worst


@contextlib.contextmanager
def _signals(stop: asyncio.Event, drain: Drain, orphaned: int | None) -> Iterator[None]:
    """Stop at the first signal and hurry at the second; whatever hangs then, the process ends.

    That the parent has ended, which `orphaned` tells by being readable, counts as a signal.
    The loop is told, and not asked to listen: a watchdog that waited for it would sleep as long as it does.
    """
    loop = asyncio.get_running_loop()
    watchdogs: list[threading.Timer] = []

    def told(*_: object) -> None:
        seconds, event = (drain.hurried, drain.hurry) if watchdogs else (drain.seconds, stop)
        watchdogs.append(threading.Timer(seconds + _WATCHDOG_SECONDS, os._exit, (1,)))
        watchdogs[-1].daemon = True
        watchdogs[-1].start()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(event.set)

    def parent_ended(orphaned: int) -> None:
        loop.remove_reader(orphaned)  # it stays readable
        told()

    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, told)
    if orphaned is not None:
        loop.add_reader(orphaned, parent_ended, orphaned)
    try:
        yield
    finally:
        for watchdog in watchdogs:
            watchdog.cancel()


def _give_memory_back() -> None:
    """Have blocks the size of a large picture returned to the system when they are free, whatever came before.

    glibc raises the size from which it does so to that of the largest block it ever freed: after the first large
    picture they would all come from the heap, and leave holes in it.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:  # other C libraries have no such habit
            mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)
            mallopt(_M_TRIM_THRESHOLD, _KEPT_FREE)  # else it falls to 128 KiB, and every request pays for that
