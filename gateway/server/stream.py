"""One request and its answer: Hypercorn's stream, whose answer leaves in one write and always has the envelope."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from hypercorn.protocol.events import Body, EndBody, Event, StreamClosed
from hypercorn.protocol.h11 import STREAM_ID
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.utils import suppress_body

from gateway.http.refusal import refusal
from gateway.server.inbox import Inbox

if TYPE_CHECKING:
    from gateway.server.protocol import Http1

_log = logging.getLogger("gateway.server")

_CLOSE = (b"connection", b"close")


class Stream(HTTPStream):
    """One request and its answer."""

    def __init__(self, protocol: "Http1") -> None:
        """Answer over `protocol`."""
        super().__init__(
            protocol.app,
            protocol.config,
            protocol.context,
            protocol.task_group,
            ssl=False,
            client=protocol.client,
            server=protocol.server,
            send=protocol.stream_send,
            stream_id=STREAM_ID,
        )
        self._protocol = protocol
        self._inbox = Inbox(protocol.line.transport)
        self._has_head = False

    def begin(self, method: str, target: bytes, headers: list[tuple[bytes, bytes]], version: str) -> None:
        """Start the application."""
        path, _, query = target.partition(b"?")
        protocol = self._protocol
        scope = {
            "type": "http",
            "asgi": {"spec_version": "2.3", "version": "3.0"},
            "http_version": version,
            "method": method,
            "scheme": "http",
            "path": unquote(path.decode()),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": headers,
            "client": self.client,
            "server": self.server,
            "state": protocol.connection_state.copy(),
            "extensions": {},
        }
        self.scope = scope  # type: ignore[assignment]
        protocol.line.run(self._run(protocol.app, scope))

    def feed(self, part: bytes, *, last: bool) -> None:
        """Take a part of the request's body."""
        if part:
            self._inbox.feed(part)
        if last:
            self._inbox.end()

    async def handle(self, event: Event) -> None:
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
            await self._fail(
                503, "shutting_down", "The gateway is stopping: send the request again, to another instance."
            )
            raise
        except Exception:  # noqa: BLE001 - a bug in one request must not end the others of this connection
            _log.exception("The application failed")
        else:
            if not self.closed:
                _log.error("The application returned without an answer")
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
        framing = protocol.framing
        status = self.response["status"]
        parts = []
        if not self._has_head:
            headers = list(self.response["headers"])
            if (
                protocol.context.terminated.is_set()
                or protocol.keep_alive_requests >= self.config.keep_alive_max_requests
                # An answer that is whole before the body has come: what follows would not be a request.
                or (not more and framing.incomplete)
            ) and _CLOSE not in headers:
                headers.append(_CLOSE)
            parts.append(framing.head(status, headers))
            self._has_head = True
        if body and not suppress_body(self.scope["method"], status):
            parts += framing.body(body)
        if not more:
            parts += framing.end()
        await protocol.respond(parts)
        if not more:
            self.state = ASGIHTTPState.CLOSED
            await self.send(StreamClosed(stream_id=STREAM_ID))
