"""One HTTP exchange with a provider: bounded in time and bytes, and honest about whether it was sent."""

import asyncio
import time
from collections.abc import Mapping
from types import SimpleNamespace

import aiohttp
from yarl import URL

from gateway.transport.addresses import guarded_socket
from gateway.transport.causes import failure_of_exception
from gateway.wire import Received
from strategies import Cause, Failure, Try

_CONNECT_SECONDS = 5.0
_STALL_SECONDS = 15.0
_KEEP_ALIVE_SECONDS = 10.0
"""Below common idle limits of providers, so that a request rarely meets a connection that is just being closed."""
_DNS_SECONDS = 30
_BUFFER_BYTES = 1 << 18


class Transport:
    """Owns the sessions; one per worker process, opened and closed with it."""

    def __init__(self, *, max_response_bytes: int, trust_loopback: bool) -> None:
        """Remember the limits; sessions are opened inside the running loop."""
        self._max_response_bytes = max_response_bytes
        self._trust_loopback = trust_loopback
        self._trusted: aiohttp.ClientSession | None = None
        self._guarded: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Open both sessions."""
        self._trusted = _session(private=True, loopback=True)
        self._guarded = _session(private=False, loopback=self._trust_loopback)

    async def close(self) -> None:
        """Close both sessions and their connections."""
        for session in (self._trusted, self._guarded):
            if session is not None:
                await session.close()

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
        session = self._trusted if trusted else self._guarded
        if session is None:
            raise RuntimeError("the transport is not open")
        try:
            async with session.request(
                method, url, data=body, headers=headers, allow_redirects=False, trace_request_ctx=attempt
            ) as response:
                at = time.time()  # noqa: TID251 - an HTTP date can only be compared with the wall clock
                read = await self._read(response)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exception:
            if isinstance(exception, TimeoutError) and not isinstance(exception, aiohttp.ServerTimeoutError):
                raise  # the attempt's own time limit, which is not ours to judge
            return failure_of_exception(exception, sent=attempt.sent)
        if isinstance(read, Failure):
            return read
        return Received(response.status, response.headers, read, at)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | Failure:
        if response.headers.get("content-encoding", "identity") != "identity":
            return _incomplete("the provider compressed its answer although it was asked not to", "upstream_bad_response")
        content = response.content
        if content.is_eof() and content.exception() is None:
            return content.read_nowait()
        chunks: list[bytes] = []
        got = 0
        size = response.content_length or 0
        while size <= self._max_response_bytes:
            stall = asyncio.timeout(_STALL_SECONDS)
            try:
                async with stall:
                    chunk = await content.readany()
            except TimeoutError:
                if not stall.expired():
                    raise
                return _incomplete(f"the provider's answer stood still for {_STALL_SECONDS:.0f} s", None)
            if not chunk:
                return b"".join(chunks)
            chunks.append(chunk)
            got += len(chunk)
            size = max(size, got)
        return _incomplete(
            f"the provider's answer is larger than {self._max_response_bytes} bytes (max_response_bytes)",
            "upstream_too_large",
        )


def _incomplete(message: str, code: str | None) -> Failure:
    return Failure(cause=Cause.INCOMPLETE, message=message, code=code)


def _session(*, private: bool, loopback: bool) -> aiohttp.ClientSession:
    # No cookie jar (one caller's cookie would travel with another's request), no proxies from the environment, no
    # limit on connections in all or to one host: a slow provider must not make another one's requests wait.
    sent = aiohttp.TraceConfig()
    sent.on_request_headers_sent.append(_mark_sent)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            ttl_dns_cache=_DNS_SECONDS,
            socket_factory=guarded_socket(private=private, loopback=loopback),
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        headers={"accept-encoding": "identity", "user-agent": "beamsplitter"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
        read_bufsize=_BUFFER_BYTES,
        trace_configs=[sent],
    )


async def _mark_sent(
    _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestHeadersSentParams
) -> None:
    context.trace_request_ctx.sent = True
