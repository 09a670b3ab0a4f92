"""Two simulations side by side: one here, the other in a process of its own."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from gateway.simulate.unusable import Unusable

Asked = TypeVar("Asked")
Result = dict[str, Any]


def side_by_side(run: Callable[[Asked], Result], here: Callable[[], Result], there: Asked) -> tuple[Result, Result]:
    """Return what `here` returns, and what `run` returns for `there`, which is taken to another process."""
    # A process that starts anew: one that is forked would inherit locks of threads that it does not have.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    other = context.Process(target=_run, args=(theirs, run, there), daemon=True)
    with _undisturbed():
        other.start()
    theirs.close()
    try:
        first = here()
        second = _received(ours)
    finally:
        other.terminate()
        other.join()
        ours.close()
    return first, second


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Have a process that is started here not hear of an interruption: whoever interrupts both is answered by one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _received(connection: Connection) -> Result:
    try:
        said = connection.recv()
    except EOFError:
        raise Unusable("the process of the second simulation died; there may be too little memory for both.") from None
    if isinstance(said, str):
        raise Unusable(said)
    result: Result = said
    return result


def _run(connection: Connection, run: Callable[[Asked], Result], asked: Asked) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        connection.send(run(asked))
    except Unusable as unusable:
        connection.send(str(unusable))
    finally:
        connection.close()


def _end_with_parent() -> None:
    """End when the first process is gone: one that is killed cannot say so."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
