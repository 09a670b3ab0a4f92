"""HTTP/1.1 and nothing else: Hypercorn's protocol, shortened where a gateway pays on every request.

Hypercorn keeps the state machine and h11 the parsing and the framing, but for the plain requests that nearly all are.
What differs besides: a connection never becomes HTTP/2 or a WebSocket, nothing waits for the network but an answer, and
every error has the envelope.
"""

import asyncio
import sys
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, Protocol, TypeAlias

import h11
from hypercorn.config import Config
from hypercorn.events import Closed, Event, Updated
from hypercorn.protocol.h11 import H11Protocol
from starlette.types import ASGIApp

from gateway.http.refusal import refusal
from gateway.server.framing import Ambiguous, ByH11, Framing, StrictBuffer
from gateway.server.plain import Plain, plain
from gateway.server.stream import Stream

Address: TypeAlias = tuple[str, int] | None

_BUSY = Updated(idle=False)
_IDLE = Updated(idle=True)
_SENDING = frozenset({h11.IDLE, h11.SEND_BODY})


class Line(Protocol):
    """What a protocol needs of the connection below it."""

    transport: asyncio.Transport
    client: Address
    server: Address

    async def send(self, event: Event) -> None:
        """Take what Hypercorn's protocol wants to be done."""

    async def drained(self) -> None:
        """Return when the client has taken most of what was written."""

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work of an application in a task of its own."""


class Paused(Exception):
    """The client has sent more before the answer to its request is out."""


class Gate:
    """Takes the place of the event on which Hypercorn waits for an answer to be out; interrupts instead of waiting."""

    async def clear(self) -> None:
        """Do nothing: there is no state."""

    async def set(self) -> None:
        """Do nothing: the connection resumes when it hears that it is idle."""

    async def wait(self) -> None:
        """Give the thread of control back to the connection, which goes on noticing when the client leaves."""
        raise Paused


class Server:
    """What all connections of a server share."""

    event_class = Gate

    def __init__(self, app: ASGIApp, config: Config, state: dict[str, Any]) -> None:
        """Serve `app`; `state` is what its lifespan left for its requests."""
        self.app = app
        self.config = config
        self.state = state
        self.terminated = asyncio.Event()


class Http1(H11Protocol):
    """One connection's requests, one after the other."""

    stream: Stream | None
    connection: h11.Connection

    def __init__(self, server: Server, line: Line) -> None:
        """Speak over `line`."""
        shared: Any = server  # as much of a worker's context as this protocol uses
        super().__init__(
            shared.app,
            server.config,
            shared,
            shared,
            shared.state,
            ssl=False,
            client=line.client,
            server=line.server,
            send=line.send,
        )
        self._lines = StrictBuffer()
        self.connection._receive_buffer = self._lines  # noqa: SLF001 - h11 has no other place for stricter lines
        self._by_h11 = ByH11(self.connection)
        self._plain: Plain | None = None
        self.line = line

    @property
    def framing(self) -> Framing:
        """What knows where the request that is being answered ends, and its answer."""
        return self._plain or self._by_h11

    def may_send_more(self, *, idle: bool) -> bool:
        """Whether a client whose connection ends now may still be sending; between requests it is not."""
        if self._plain is not None:
            return self._plain.incomplete
        theirs = self.connection.their_state
        return theirs is h11.ERROR or (theirs in _SENDING and not idle)

    async def receive(self, data: bytes) -> None:
        """Take what the client sends."""
        request = self._plain
        if request is not None:
            part, early = data[: request.unread], data[request.unread :]
            if part:
                request.unread -= len(part)
                self._feed(part, request)
            if early:
                self.connection.receive_data(early)
                raise Paused
        elif self.stream is None and not self._lines and (request := plain(data)) is not None:
            self._plain = request
            await self.send(_BUSY)
            self.stream = stream = Stream(self)
            self.keep_alive_requests += 1
            stream.begin("POST", request.target, request.headers, "1.1")
            self._feed(request.body_so_far, request)
        else:
            self.connection.receive_data(data)
            await self._handle_events()

    def resume(self) -> Coroutine[Any, Any, None]:
        """Go on with what the client sent too early."""
        return self._handle_events()

    async def respond(self, parts: list[bytes]) -> None:
        """Write a part of an answer at once and let a slow client catch up."""
        self.line.transport.writelines(parts)
        await self.line.drained()

    async def _check_protocol(self, event: h11.Request) -> None:
        """Stay with HTTP/1.1: an upgrade is ignored, as the standard allows, and HTTP/2's preface is a bad request."""

    def _feed(self, part: bytes, request: Plain) -> None:
        if self.stream is not None:
            self.stream.feed(part, last=not request.unread)

    async def _create_stream(self, request: h11.Request) -> None:
        self.stream = Stream(self)
        headers = [(name.lower(), value) for name, value in request.headers.raw_items()]
        self.stream.begin(request.method.decode().upper(), request.target, headers, request.http_version.decode())
        self.keep_alive_requests += 1

    async def _maybe_recycle(self) -> None:
        request = self._plain
        if request is None:
            await super()._maybe_recycle()
            return
        await self._close_stream()
        goes_on = request.leaves_open and not self.context.terminated.is_set()
        await self.send(_IDLE if goes_on else Closed())
        self._plain = None

    async def _send_error_response(self, status_code: int) -> None:
        code, message = _complaint(status_code, sys.exception())
        headers, body = refusal(status_code, code, message)
        try:
            parts = [self._by_h11.head(status_code, headers), *self._by_h11.body(body), *self._by_h11.end()]
        except h11.LocalProtocolError:
            return  # an answer has begun: closing is all that is left to say
        self.line.transport.writelines(parts)


def _complaint(status: int, error: BaseException | None) -> tuple[str, str]:
    """Return code and message for what h11 refused; it names the fault in its text only."""
    text = str(error)
    if status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
        return "headers_too_large", "Request line and headers are far too large: send fewer or shorter ones."
    if "Host: header" in text:
        return "bad_host", "Send exactly one Host header."
    if isinstance(error, Ambiguous):
        return "bad_framing", f"The request could be read in more than one way: {text}."
    if "Content-Length" in text or "Transfer-Encoding" in text or "chunk" in text:
        return "bad_framing", f"The body's length is not clear: {text}."
    return "bad_request", f"This is not HTTP/1.1: {text[:200]}."
