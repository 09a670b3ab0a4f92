"""One HTTP exchange with a provider: bounded in time and bytes, and honest about whether it was sent.

aiohttp opens, keeps and reads the connections. Its client session is left out: cookies, redirects, proxies from the
environment and silent repeats must not happen here, and what keeps them off costs more than the rest of an exchange.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import cast

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError
from aiohttp.streams import StreamReader
from yarl import URL

from gateway.transport.addresses import guarded_socket
from gateway.transport.causes import failure_of_exception
from gateway.transport.origin import Origin, origin_of
from gateway.wire import Received
from strategies import Cause, Failure, Try

_CONNECT_SECONDS = 5.0
_STALL_SECONDS = 15.0
_KEEP_ALIVE_SECONDS = 10.0
"""Below common idle limits of providers, so that a request rarely meets a connection that is just being closed."""
_DNS_SECONDS = 30
_BUFFER_BYTES = 1 << 18
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
_UNSAFE = re.compile(r"[\r\n\0]")
_INTERIM = range(100, 200)
_SWITCHING = 101
_MOST_SPOILT = 64
"""Kept connections in a row that may turn out to be unfit for another request."""


class Transport:
    """Owns the connections; one per worker process, opened and closed with it."""

    def __init__(self, *, max_response_bytes: int, trust_loopback: bool) -> None:
        """Remember the limits; connectors are opened inside the running loop."""
        self._max_response_bytes = max_response_bytes
        self._trust_loopback = trust_loopback
        self._connectors: dict[bool, aiohttp.TCPConnector] = {}

    async def open(self) -> None:
        """Open the way to hosts that an operator chose, and the guarded one to those that a caller chose."""
        self._connectors = {
            True: _connector(private=True, loopback=True),
            False: _connector(private=False, loopback=self._trust_loopback),
        }

    async def close(self) -> None:
        """Close all connections."""
        for connector in self._connectors.values():
            await connector.close()

    async def exchange(
        self,
        method: str,
        url: URL,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        attempt: Try,
        trusted: bool,
    ) -> Received | Failure:
        """Send one request and read its whole answer; what goes wrong on the way is a failure with a cause."""
        try:
            origin = origin_of(url.origin())
            head = _head(method, url, origin, headers, 0 if body is None else len(body))
            connection = await self._connect(origin, trusted=trusted)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exception:
            return failure_of_exception(exception, sent=False)
        received: Received | Failure | None = None
        try:
            received = await self._converse(connection, head if body is None else head + body, attempt)
        except (aiohttp.ClientError, HttpProcessingError, OSError) as exception:
            received = failure_of_exception(exception, sent=attempt.sent)
        finally:
            if isinstance(received, Received):
                connection.release()
            else:
                connection.close()  # cancelled or failed: whatever still comes belongs to nobody
        return received

    async def _connect(self, origin: Origin, *, trusted: bool) -> Connection:
        """Return a connection on which nothing has come yet: what a provider sends unasked must answer nobody."""
        connector = self._connectors[trusted]
        asking = cast("aiohttp.ClientRequest", origin)
        for _ in range(_MOST_SPOILT):
            connection = await connector.connect(asking, [], _TIMEOUT)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()
        raise aiohttp.ClientConnectionError("the provider speaks before it is asked")

    async def _converse(self, connection: Connection, request: bytes, attempt: Try) -> Received | Failure:
        protocol = connection.protocol
        if protocol is None or protocol.transport is None:
            raise aiohttp.ServerDisconnectedError
        protocol.set_response_params(read_until_eof=True, auto_decompress=False, read_bufsize=_BUFFER_BYTES)
        attempt.sent = True
        protocol.transport.write(request)
        message, payload = await protocol.read()
        while message.code in _INTERIM:
            if message.code == _SWITCHING:  # no HTTP follows
                return _incomplete("the provider changed to another protocol unasked", "upstream_bad_response")
            message, payload = await protocol.read()
        at = time.time()  # noqa: TID251 - an HTTP date can only be compared with the wall clock
        if message.headers.get("content-encoding", "identity") != "identity":
            return _incomplete(
                "the provider compressed its answer although it was asked not to", "upstream_bad_response"
            )
        declared = message.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._max_response_bytes:
            return self._too_large()
        body = await self._read(payload)
        return body if isinstance(body, Failure) else Received(message.code, message.headers, body, at)

    async def _read(self, payload: StreamReader) -> bytes | Failure:
        if payload.is_eof() and payload.exception() is None:
            whole = payload.read_nowait()
            return whole if len(whole) <= self._max_response_bytes else self._too_large()
        chunks: list[bytes] = []
        size = 0
        time_of = asyncio.get_running_loop().time
        stall = asyncio.timeout(_STALL_SECONDS)
        try:
            async with stall:
                while not payload.at_eof():
                    chunk, _ = await payload.readchunk()  # as it came: `read` and `readany` would copy it once more
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > self._max_response_bytes:
                        return self._too_large()
                    stall.reschedule(time_of() + _STALL_SECONDS)
        except TimeoutError:
            if not stall.expired():
                raise
            return _incomplete(f"the provider's answer stood still for {_STALL_SECONDS:.0f} s", None)
        return b"".join(chunks)

    def _too_large(self) -> Failure:
        return _incomplete(
            f"the provider's answer is larger than {self._max_response_bytes} bytes (max_response_bytes)",
            "upstream_too_large",
        )


def _head(method: str, url: URL, origin: Origin, headers: Mapping[str, str], length: int) -> bytes:
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    for line in lines:
        if _UNSAFE.search(line, 0, len(line) - 2):
            raise ValueError(f"the header {line.partition(':')[0]!r} holds a line break")
    text = "".join(lines)
    return b"%b %b%b%baccept: application/json\r\naccept-encoding: identity\r\ncontent-length: %d\r\n\r\n" % (
        method.encode(),
        url.raw_path_qs.encode(),
        origin.request_line_end,
        text.encode("latin-1"),
        length,
    )


def _incomplete(message: str, code: str | None) -> Failure:
    return Failure(cause=Cause.INCOMPLETE, message=message, code=code)


def _connector(*, private: bool, loopback: bool) -> aiohttp.TCPConnector:
    # No limit on connections in all or to one host: a slow provider must not make another one's requests wait.
    return aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=_KEEP_ALIVE_SECONDS,
        ttl_dns_cache=_DNS_SECONDS,
        socket_factory=guarded_socket(private=private, loopback=loopback),
    )
