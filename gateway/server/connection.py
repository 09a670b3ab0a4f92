"""One client's connection: bytes to the protocol and back, and the moments at which it is cut."""

import asyncio
import math
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, cast

from hypercorn.events import Closed, Event, RawData, Updated

from gateway.server.protocol import Address, Http1, Paused, Server

_PIPELINED_BYTES = 64 * 1024
"""How much a client may send ahead: reading on is how we notice that it leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a connection may keep us waiting, in seconds."""

    idle: float = 75.0
    """Between requests: above the 60 of common load balancers, which then never meet a closed end."""
    head: float = 10.0
    """For a whole request head, from its first byte."""
    stalled: float = 30.0
    """For a client to take at least `stalled_bytes` of an answer that waits for it."""
    stalled_bytes: int = 64 * 1024
    linger: float = 2.0
    """For a refused client to stop sending; were we to close at once, its system would throw the answer away."""
    sweep: float = 1.0
    """Between looks at the connections. One clock for all costs nothing per request; timers for each cost a tenth."""


class Connection(asyncio.Protocol):
    """Drives one protocol; costs one object and no task while it is idle."""

    transport: asyncio.Transport
    client: Address = None
    server: Address = None

    def __init__(self, server: Server, patience: Patience, others: "set[Connection]") -> None:
        """Belong to a server, which knows its connections by `others`."""
        self._shared = server
        self._patience = patience
        self._others = others
        self._loop = asyncio.get_running_loop()
        self._protocol: Http1
        self._task: asyncio.Task[None] | None = None
        self._deadline = math.inf
        self._idle = True
        self._in_head = False
        self._early = 0
        self._closing = False
        self._unsent = 0
        self._drained: asyncio.Future[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self._idle and (self._task is None or self._task.done())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; who connects has to ask soon."""
        self.transport = cast(asyncio.Transport, transport)
        self.client = transport.get_extra_info("peername")[:2]
        self.server = transport.get_extra_info("sockname")[:2]
        self._protocol = Http1(self._shared, self)
        self._others.add(self)
        self._deadline = self._loop.time() + self._patience.head

    def data_received(self, data: bytes) -> None:
        """Pass bytes on, or drop what a refused client still sends."""
        if self._closing:
            return
        self._step(self._protocol.receive(data), len(data))
        if self._closing:
            self._step(self._protocol.handle(Closed()))
        elif self._idle and not self._in_head:
            self._in_head = True
            self._deadline = self._loop.time() + self._patience.head

    def eof_received(self) -> None:
        """Take a client that stops sending for one that left; the transport closes itself."""
        self._step(self._protocol.handle(Closed()))

    def connection_lost(self, _: Exception | None) -> None:
        """Tell the application, and leave the server's books when that has ended too."""
        self._closing = True
        self._deadline = math.inf
        self.resume_writing()
        self._step(self._protocol.handle(Closed()))
        if self._task is None or self._task.done():
            self._others.discard(self)
        else:
            self._task.add_done_callback(lambda _: self._others.discard(self))

    def pause_writing(self) -> None:
        """Begin to watch how fast the client takes its answer."""
        self._drained = self._loop.create_future()
        self._watch_writing()

    def resume_writing(self) -> None:
        """Let the application go on."""
        if self._drained is not None:
            if not self._drained.done():
                self._drained.set_result(None)
            self._drained = None
            if not self._closing:
                self._deadline = math.inf

    async def drained(self) -> None:
        """Return when the client has taken most of what was written."""
        if self._drained is not None:
            await self._drained

    async def send(self, event: Event) -> None:
        """Do what Hypercorn's protocol wants done; never waits."""
        if isinstance(event, Updated):
            self._idle = event.idle
            self._in_head = False
            self._deadline = self._loop.time() + self._patience.idle if event.idle else math.inf
            if event.idle and self._early:
                self._early = 0
                self._loop.call_soon(self._resume)
        elif isinstance(event, RawData):
            self.transport.write(event.data)
        elif isinstance(event, Closed):
            self._finish()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work of an application in a task of its own."""
        self._task = self._loop.create_task(work)

    def sweep(self, now: float) -> None:
        """Cut the connection when its client has kept us waiting for too long."""
        if now < self._deadline:
            return
        if self._closing:
            self.transport.abort()
        elif self._drained is None:
            self._finish()
        elif self._unsent - self.transport.get_write_buffer_size() < self._patience.stalled_bytes:
            self.transport.abort()
        else:
            self._watch_writing()

    def drain(self) -> None:
        """Close the connection as soon as it answers nothing; an answer that begins now says so."""
        if self._idle and not self._closing:
            self._finish()

    def cancel(self) -> None:
        """Stop the application, which answers that the server is stopping."""
        if self._task is not None:
            self._task.cancel()

    def _finish(self) -> None:
        if self._closing:
            return
        self._closing = True
        now = self._loop.time()
        if self._protocol.may_send_more(idle=self._idle):
            self._deadline = now + self._patience.linger
            self.transport.write_eof()
            self.transport.resume_reading()
        else:
            self._deadline = now + self._patience.stalled
            self.transport.close()

    def _resume(self) -> None:
        if not self._closing:
            self.transport.resume_reading()
            self._step(self._protocol.resume())

    def _watch_writing(self) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        self._deadline = self._loop.time() + self._patience.stalled

    def _step(self, work: Coroutine[Any, Any, None], size: int = 0) -> None:
        """Run a coroutine of the protocol, none of which waits, without a task."""
        try:
            work.send(None)
        except StopIteration:
            return
        except Paused:
            self._early += size + 1
            if self._early > _PIPELINED_BYTES:
                self.transport.pause_reading()
            return
        raise RuntimeError("the protocol waited inside a connection")
