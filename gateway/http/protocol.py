"""HTTP/1.1 and nothing else: Hypercorn's protocol and stream, shortened where a gateway pays on every request.

Hypercorn keeps the state machine and h11 the parsing and the framing. What differs: a connection never becomes HTTP/2 or a
WebSocket, nothing here waits for the network but an answer, and every error has the envelope.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from typing import Any, Protocol, TypeAlias
from urllib.parse import unquote

import h11
from hypercorn.config import Config
from hypercorn.events import Event
from hypercorn.protocol.events import Body, EndBody, StreamClosed
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.utils import suppress_body

from gateway.http.head import head
from gateway.http.inbox import Inbox
from gateway.http.refusal import refusal

Address: TypeAlias = tuple[str, int] | None
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

_log = logging.getLogger("gateway.server")


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

    def __init__(self, app: App, config: Config, state: dict[str, Any]) -> None:
        """Serve `app`; `state` is what its lifespan left for its requests."""
        self.app = app
        self.config = config
        self.state = state
        self.terminated = asyncio.Event()


class Http1(H11Protocol):
    """One connection's requests, one after the other."""

    stream: "Stream | None"
    connection: h11.Connection

    def __init__(self, server: Server, line: Line) -> None:
        """Speak over `line`."""
        shared: Any = server  # as much of a worker's context as this protocol uses
        super().__init__(
            shared.app, server.config, shared, shared, shared.state, False, line.client, line.server, line.send  # noqa: FBT003
        )
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
            parts = [head(self.connection, status_code, headers), *_body(self.connection, body), *_end(self.connection)]
        except h11.LocalProtocolError:
            return  # an answer has begun: closing is all that is left to say
        self.line.transport.writelines(parts)


class Stream(HTTPStream):
    """One request and its answer."""

    def __init__(self, protocol: Http1) -> None:
        """Answer over `protocol`."""
        super().__init__(
            protocol.app,
            protocol.config,
            protocol.context,
            protocol.task_group,
            False,  # noqa: FBT003
            protocol.client,
            protocol.server,
            protocol.stream_send,
            STREAM_ID,
        )
        self._protocol = protocol
        self._inbox = Inbox(protocol.line.transport)
        self._has_head = False

    def begin(self, request: h11.Request) -> None:
        """Start the application."""
        path, _, query = request.target.partition(b"?")
        protocol = self._protocol
        scope = {
            "type": "http",
            "asgi": {"spec_version": "2.3", "version": "3.0"},
            "http_version": request.http_version.decode(),
            "method": request.method.decode().upper(),
            "scheme": "http",
            "path": unquote(path.decode()),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw_items()],
            "client": self.client,
            "server": self.server,
            "state": protocol.connection_state.copy(),
            "extensions": {},
        }
        self.scope = scope  # type: ignore[assignment]
        protocol.line.run(self._run(protocol.app, scope))

    async def handle(self, event: StreamEvent) -> None:
        """Take a part of the request; never waits."""
        if isinstance(event, Body):
            self._inbox.feed(bytes(event.data))
        elif isinstance(event, EndBody):
            self._inbox.end()
        elif isinstance(event, StreamClosed):
            self.closed = True
            self._inbox.close()

    async def app_send(self, message: Any) -> None:  # noqa: ANN401 - any ASGI message
        """Take a part of the answer; the head leaves with the first part of the body."""
        if self.closed:
            return
        kind = message["type"]
        if kind == "http.response.start" and self.state is ASGIHTTPState.REQUEST:
            self.response = message
            self.state = ASGIHTTPState.RESPONSE
        elif kind == "http.response.body" and self.state is ASGIHTTPState.RESPONSE:
            await self._respond(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"an application may not send {kind} in state {self.state}")

    async def _run(self, app: Any, scope: dict[str, Any]) -> None:  # noqa: ANN401
        try:
            await app(scope, self._inbox.receive, self.app_send)
        except asyncio.CancelledError:
            await self._fail(503, "shutting_down", "The gateway is stopping: send the request again, to another instance.")
            raise
        except Exception:
            _log.exception("The application failed")
        finally:
            await self._fail(500, "internal_error", "The gateway failed; its log says why.")

    async def _fail(self, status: int, code: str, message: str) -> None:
        """End an answer that the application did not end."""
        if self.closed:
            return
        if self._has_head:
            await self.send(StreamClosed(stream_id=STREAM_ID))
            return
        headers, body = refusal(status, code, message)
        self.response = {"type": "http.response.start", "status": status, "headers": headers}
        await self._respond(body, more=False)

    async def _respond(self, body: bytes, *, more: bool) -> None:
        protocol = self._protocol
        connection = protocol.connection
        status = self.response["status"]
        parts = []
        if not self._has_head:
            headers = list(self.response["headers"])
            if protocol.context.terminated.is_set() or protocol.keep_alive_requests >= self.config.keep_alive_max_requests:
                headers.append((b"connection", b"close"))
            parts.append(head(connection, status, headers))
            self._has_head = True
        if body and not suppress_body(self.scope["method"], status):
            parts += _body(connection, body)
        if not more:
            parts += _end(connection)
        await protocol.respond(parts)
        if not more:
            self.state = ASGIHTTPState.CLOSED
            await self.send(StreamClosed(stream_id=STREAM_ID))


def _body(connection: h11.Connection, data: bytes) -> list[bytes]:
    return connection.send_with_data_passthrough(h11.Data(data=data)) or []


def _end(connection: h11.Connection) -> list[bytes]:
    return connection.send_with_data_passthrough(h11.EndOfMessage()) or []


def _complaint(status: int, error: BaseException | None) -> tuple[str, str]:
    """Return code and message for what h11 refused; it names the fault in its text only."""
    text = str(error)
    if status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
        return "headers_too_large", "Request line and headers are far too large: send fewer or shorter ones."
    if "Host: header" in text:
        return "bad_host", "Send exactly one Host header."
    if "Content-Length" in text or "Transfer-Encoding" in text:
        return "bad_framing", f"The body's length is not clear: {text}."
    return "bad_request", f"This is not HTTP/1.1: {text[:200]}."
