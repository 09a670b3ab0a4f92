"""HTTP/1.1 and nothing else: Hypercorn's protocol, shortened where a gateway pays on every request.

Hypercorn keeps the state machine and h11 the parsing and the framing. What differs: a connection never becomes HTTP/2
or a WebSocket, nothing waits for the network but an answer, and every error has the envelope.
"""

import asyncio
import sys
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, Protocol, TypeAlias

import h11
from hypercorn.config import Config
from hypercorn.events import Event
from hypercorn.protocol.h11 import H11Protocol
from starlette.types import ASGIApp

from gateway.http.refusal import refusal
from gateway.server.framing import Ambiguous, StrictBuffer
from gateway.server.head import body_parts, end_parts, head
from gateway.server.stream import Stream

Address: TypeAlias = tuple[str, int] | None


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
        self.connection._receive_buffer = StrictBuffer()  # noqa: SLF001 - h11 has no other place for stricter lines
        self.line = line

    def resume(self) -> Coroutine[Any, Any, None]:
        """Go on with what the client sent too early."""
        return self._handle_events()

    async def respond(self, parts: list[bytes]) -> None:
        """Write a part of an answer at once and let a slow client catch up."""
        self.line.transport.writelines(parts)
        await self.line.drained()

    async def _check_protocol(self, event: h11.Request) -> None:
        """Stay with HTTP/1.1: an upgrade is ignored, as the standard allows, and HTTP/2's preface is a bad request."""

    async def _create_stream(self, request: h11.Request) -> None:
        self.stream = Stream(self)
        self.stream.begin(request)
        self.keep_alive_requests += 1

    async def _send_error_response(self, status_code: int) -> None:
        code, message = _complaint(status_code, sys.exception())
        headers, body = refusal(status_code, code, message)
        try:
            parts = [
                head(self.connection, status_code, headers),
                *body_parts(self.connection, body),
                *end_parts(self.connection),
            ]
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
