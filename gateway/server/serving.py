"""Serving an application over HTTP/1.1, from the first connection to the last answer."""

import asyncio
import contextlib
import gc
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.config import Config
from starlette.types import ASGIApp

from gateway.server.connection import Connection, Patience
from gateway.server.protocol import Server
from gateway.server.sockets import BACKLOG, bind

_log = logging.getLogger("gateway.server")

_LOOK_SECONDS = 0.05
_LAST_WORDS_SECONDS = 1.5
"""What a cancelled application gets for saying so, and a client for taking the end of its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """How a server ends."""

    seconds: float = 190.0
    """For answers that are being made: above 180 s, the usual deadline of a request."""
    grace: float = 5.0
    """While answers are being made, new requests are heard for this long, so that balancers see /readyz say no."""
    hurried: float = 10.0
    """What is left after the second signal."""
    hurry: asyncio.Event = field(default_factory=asyncio.Event)


_COLLECT_AFTER = 20_000
"""New objects between two looks for cycles: a request makes some hundred, nearly all of which go without one."""


async def serve(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    stop: asyncio.Event,
    sockets: Sequence[socket.socket] | None = None,
    on_bound: Callable[[int], None] | None = None,
    drain: Drain | None = None,
    patience: Patience | None = None,
) -> None:
    """Serve until `stop` is set and what was begun has been answered; sockets given here are closed at the end."""
    loop = asyncio.get_running_loop()
    config = _config()
    patience = patience or Patience()
    connections: set[Connection] = set()
    listening = list(sockets) if sockets is not None else [bind(host, port)]
    state: dict[str, Any] = {}
    async with contextlib.AsyncExitStack() as stack:
        for each in listening:
            stack.callback(each.close)
        await stack.enter_async_context(_lifespan(app, config, state))
        server = Server(app, config, state)
        listeners = [
            await loop.create_server(lambda: Connection(server, patience, connections), sock=each, backlog=BACKLOG)
            for each in listening
        ]
        sweeping = loop.create_task(_sweep(connections, patience.sweep))
        stack.callback(sweeping.cancel)
        # What there is now stays: looking through it again and again for what nobody needs would cost each request.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_COLLECT_AFTER, *gc.get_threshold()[1:])
        if on_bound is not None:
            on_bound(listening[0].getsockname()[1])
        try:
            await stop.wait()
        finally:
            await _drain(server, connections, listeners, drain or Drain())


@contextlib.asynccontextmanager
async def _lifespan(app: ASGIApp, config: Config, state: dict[str, Any]) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    lifespan = Lifespan(ASGIWrapper(cast("Any", app)), config, loop, state)
    task = loop.create_task(lifespan.handle_lifespan())
    await lifespan.wait_for_startup()
    if task.done():
        task.result()
    try:
        yield
    finally:
        await lifespan.wait_for_shutdown()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _sweep(connections: set[Connection], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(seconds)
        now = loop.time()
        for connection in list(connections):
            connection.sweep(now)


async def _drain(server: Server, connections: set[Connection], listeners: list[asyncio.Server], drain: Drain) -> None:
    loop = asyncio.get_running_loop()
    now = loop.time()
    end = now + drain.seconds
    deaf = now + drain.grace
    server.terminated.set()
    for connection in list(connections):
        connection.drain()
    busy = sum(not connection.idle for connection in connections)
    if busy:
        words = "stopping: %d busy connection(s) have %g s; a second signal leaves them %g s"
        _log.info(words, busy, drain.seconds, drain.hurried)
    while now < end and not all(connection.idle for connection in connections):
        if drain.hurry.is_set():
            end = min(end, now + drain.hurried)
            drain.hurry.clear()
        if now >= deaf:
            _close(listeners)
        await asyncio.sleep(_LOOK_SECONDS)
        now = loop.time()
    _close(listeners)
    for connection in list(connections):
        connection.cancel()
        connection.drain()
    end = loop.time() + _LAST_WORDS_SECONDS
    while connections and loop.time() < end:  # noqa: ASYNC110 - a rare end, and nobody else would set an event
        await asyncio.sleep(_LOOK_SECONDS)
    for connection in list(connections):
        connection.transport.abort()


def _close(listeners: list[asyncio.Server]) -> None:
    for listener in listeners:
        listener.close()


def _config() -> Config:
    """Return what Hypercorn is told; its own server, whose other options these are, is not used."""
    config = Config()
    # Twice what the guard allows: it answers with its exact limit whether a head came in one piece or in many.
    config.h11_max_incomplete_size = 128 * 1024
    # Says nothing about what is behind the address; also in the answers of which the app knows nothing.
    config.include_server_header = False
    # Written once a second by `server/head.py` instead of once an answer.
    config.include_date_header = False
    # Errors of the lifespan go where ours go, and no handler is set up behind the operator's back.
    config.errorlog = logging.getLogger("gateway.server")
    # An orderly end of a pooled connection costs its client a new one; ten thousand requests are rotation enough.
    config.keep_alive_max_requests = 10_000
    return config
