"""One HTTP exchange with a provider: bounded in time and bytes, and honest about whether it was sent.

aiohttp opens, keeps and reads the connections. Its client session is left out: cookies, redirects, proxies from the
environment and silent repeats must not happen here, and what keeps them off costs more than the rest of an exchange.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import cast

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError
from aiohttp.streams import StreamReader
from yarl import URL

from gateway.images import Room
from gateway.transport.addresses import Resolver, guarded_socket
from gateway.transport.budget import UNCOUNTED
from gateway.transport.causes import failure_of_exception
from gateway.transport.events import TooLarge, error_in, events_in
from gateway.transport.head import head_of, pieces_of
from gateway.transport.origin import Origin, origin_of
from gateway.wire import Received, StreamBroken
from strategies import Cause, Failure, Try

_CONNECT_SECONDS = 5.0
_STALL_SECONDS = 15.0
_KEEP_ALIVE_SECONDS = 10.0
"""Below common idle limits of providers, so that a request rarely meets a connection that is just being closed."""
_DNS_SECONDS = 30
_BUFFER_BYTES = 1 << 18
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
_INTERIM = range(100, 200)
_SWITCHING = 101
_OK = 200
_EVENT_STREAM = "text/event-stream"
_PATIENCE_BETWEEN_EVENTS = 12
"""Times as long as between parts of one answer: a picture is painted between two events."""
_LARGE_BYTES = 1 << 23
_GROWING_AT_A_TIME = 2
"""Of the large answers that come in, so many take in a piece before everything else has its turn."""
_MOST_SPOILT = 64
"""Kept connections in a row that may turn out to be unfit for another request."""


class Transport:
    """Owns the connections; one per worker process, opened and closed with it."""

    def __init__(self, *, max_response_bytes: int, trust_loopback: bool) -> None:
        """Remember the limits; connectors are opened inside the running loop."""
        self._max_response_bytes = max_response_bytes
        self._trust_loopback = trust_loopback
        self._connectors: dict[bool, aiohttp.TCPConnector] = {}
        self._turns = asyncio.Semaphore(_GROWING_AT_A_TIME)
        self._one = asyncio.Semaphore(1)

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
        streams: bool = False,
        room: Room | None = None,
    ) -> Received | Failure:
        """Send one request and read its whole answer; what goes wrong on the way is a failure with a cause.

        Where it `streams`, an answer of server-sent events is handed over as soon as the first has come. A large body
        waits for `room` before it is read.
        """
        try:
            origin = origin_of(url.origin())
            head = head_of(method, url, origin, headers, body)
        except ValueError as error:
            message = f"the request for the provider cannot be written: {error}"
            return Failure(cause=Cause.UNSUPPORTED, message=message, reached=False)
        try:
            connection = await self._connect(origin, trusted=trusted)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exception:
            return failure_of_exception(exception, sent=False)
        received: Received | Failure | None = None
        try:
            received = await self._converse(connection, pieces_of(head, body), attempt, streams=streams, room=room)
        except (aiohttp.ClientError, HttpProcessingError, OSError) as exception:
            received = failure_of_exception(exception, sent=attempt.sent)
        finally:
            if isinstance(received, Received):
                if received.events is None:  # else the connection is the events', until they end
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

    async def _converse(
        self, connection: Connection, pieces: tuple[bytes, ...], attempt: Try, *, streams: bool, room: Room | None
    ) -> Received | Failure:
        protocol = connection.protocol
        if protocol is None or protocol.transport is None:
            raise aiohttp.ServerDisconnectedError
        protocol.set_response_params(read_until_eof=True, auto_decompress=False, read_bufsize=_BUFFER_BYTES)
        attempt.sent = True
        for piece in pieces:
            protocol.transport.write(piece)
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
        if streams and message.code == _OK and message.headers.get("content-type", "").startswith(_EVENT_STREAM):
            return await self._stream(connection, payload, Received(message.code, message.headers, b"", at), room)
        body = await self._read(payload, int(declared) if declared.isdigit() else None, room)
        return body if isinstance(body, Failure) else Received(message.code, message.headers, body, at)

    async def _stream(
        self, connection: Connection, payload: StreamReader, head: Received, room: Room | None
    ) -> Received | Failure:
        """Return the events, once the first has come and is no error."""
        coming = self._events(connection, payload, room)
        try:
            first = await anext(coming, None)
        except StreamBroken as broken:
            return broken.failure
        if first is None:
            return _incomplete("the provider's events ended before the first", None)
        error = error_in(first)
        if error is not None:
            await coming.aclose()
            return replace(head, body=error)

        async def events() -> AsyncGenerator[bytes, None]:
            try:
                yield first
                async for event in coming:
                    yield event
            finally:
                await coming.aclose()

        return replace(head, events=events())

    async def _events(
        self, connection: Connection, payload: StreamReader, room: Room | None
    ) -> AsyncGenerator[bytes, None]:
        coming = events_in(payload, largest=self._max_response_bytes, room=room)
        whole = False
        try:
            while True:
                async with asyncio.timeout(_STALL_SECONDS * _PATIENCE_BETWEEN_EVENTS):
                    event = await anext(coming, None)
                if event is None:
                    break
                yield event
            whole = True
        except TimeoutError:
            raise StreamBroken(_incomplete("the provider's events stood still", None)) from None
        except TooLarge:
            raise StreamBroken(self._too_large()) from None
        except (aiohttp.ClientError, HttpProcessingError, OSError) as exception:
            raise StreamBroken(failure_of_exception(exception, sent=True)) from None
        finally:
            if whole:
                connection.release()
            else:
                connection.close()

    async def _read(
        self, payload: StreamReader, declared: int | None, room: Room | None
    ) -> bytes | bytearray | Failure:
        if room is not None and declared is not None and declared > UNCOUNTED:
            await room.take(declared)
            room = None
        if payload.is_eof() and payload.exception() is None:
            whole = payload.read_nowait()
            return whole if len(whole) <= self._max_response_bytes else self._too_large()
        chunks: list[bytes] = []
        # Many large answers at a time, in small pieces, would leave the heap full of holes: each grows in one piece.
        growing = bytearray() if declared is not None and declared > _LARGE_BYTES else None
        size, counted = 0, None
        time_of = asyncio.get_running_loop().time
        stall = asyncio.timeout(_STALL_SECONDS)
        try:
            async with stall:
                while not payload.at_eof():
                    chunk, _ = await payload.readchunk()  # as it came: `read` and `readany` would copy it once more
                    if growing is None:
                        chunks.append(chunk)
                    else:
                        async with self._turns:
                            growing += chunk
                            await asyncio.sleep(0)
                    size += len(chunk)
                    if size > self._max_response_bytes:
                        return self._too_large()
                    if room is not None and size > UNCOUNTED:
                        # Nobody knows how much will come: the most there may be, until the rest is known.
                        stall.reschedule(None)
                        await room.take(self._max_response_bytes)
                        counted, room = room, None
                    stall.reschedule(time_of() + _STALL_SECONDS)
        except TimeoutError:
            if not stall.expired():
                raise
            return _incomplete(f"the provider's answer stood still for {_STALL_SECONDS:.0f} s", None)
        finally:
            if counted is not None:
                counted.give(self._max_response_bytes - size)
        return b"".join(chunks) if growing is None else await self._in_turn(growing)

    async def _in_turn(self, whole: bytearray) -> bytearray:
        """Return a large answer, which is then read in one go: everything else has its turn before the next one is."""
        async with self._one:
            await asyncio.sleep(0)
        return whole

    def _too_large(self) -> Failure:
        return _incomplete(
            f"the provider's answer is larger than {self._max_response_bytes} bytes (max_response_bytes)",
            "upstream_too_large",
        )


def _incomplete(message: str, code: str | None) -> Failure:
    return Failure(cause=Cause.INCOMPLETE, message=message, code=code)


def _connector(*, private: bool, loopback: bool) -> aiohttp.TCPConnector:
    # No limit on connections in all or to one host: a slow provider must not make another one's requests wait.
    return aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=_KEEP_ALIVE_SECONDS,
        resolver=Resolver(private=private, loopback=loopback),
        ttl_dns_cache=_DNS_SECONDS,
        socket_factory=guarded_socket(private=private, loopback=loopback),
    )
