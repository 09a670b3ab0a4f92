"""What an exception of the HTTP client means: one table, split by whether the request had been sent."""

import aiohttp
from aiohttp.http import HttpProcessingError

from gateway.transport.addresses import BlockedAddress
from strategies import Cause, Failure

_NOT_SENT: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "the provider's host name could not be resolved"),
    (aiohttp.ClientConnectorCertificateError, "the provider's certificate is not valid"),
    (aiohttp.ClientSSLError, "no secure connection to the provider could be made"),
    (TimeoutError, "no connection to the provider could be made in time"),
    (aiohttp.ClientConnectorError, "the provider refused the connection"),
)
_SENT: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ServerDisconnectedError, "the provider closed the connection without an answer"),
    (aiohttp.ClientPayloadError, "the provider's answer was cut off"),
    (HttpProcessingError, "the provider's answer is not valid HTTP"),
    (aiohttp.ClientOSError, "the connection to the provider broke"),
)


def failure_of_exception(exception: BaseException, *, sent: bool) -> Failure:
    """Return what the exception means: nothing was sent and nothing can be billed, or the answer got lost."""
    blocked = getattr(exception, "os_error", exception)
    if isinstance(blocked, BlockedAddress):
        return Failure(cause=Cause.INVALID, code="custom_host_blocked", message=str(blocked), reached=False)
    if isinstance(exception, aiohttp.InvalidURL):  # 127.1, 2130706433: ways to write an address that hide what it is
        return Failure(
            cause=Cause.INVALID,
            code="custom_host_blocked",
            message="the target's host is a number but no plain address; write it as in 192.0.2.1",
            reached=False,
        )
    if not sent:
        return Failure(
            cause=Cause.UNREACHABLE,
            message=_spoken(exception, _NOT_SENT, "the provider could not be reached"),
            reached=False,
        )
    return Failure(cause=Cause.INCOMPLETE, message=_spoken(exception, _SENT, "the provider's answer was lost"))


def _spoken(exception: BaseException, table: tuple[tuple[type[BaseException], str], ...], otherwise: str) -> str:
    return next((message for kind, message in table if isinstance(exception, kind)), otherwise)
