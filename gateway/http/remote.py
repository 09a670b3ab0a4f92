"""Pictures that a request names by link: fetched as guardedly as anything else that a caller makes us connect to."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from yarl import URL

from gateway.errors import GatewayError
from gateway.images import Room
from gateway.transport import Transport
from gateway.wire import Received
from strategies import Failure, Try

_SECONDS = 30.0
_LONGEST = 4096
_OK = 200
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Remote:
    """Fetches the pictures that callers link to."""

    def __init__(self, transport: Transport, trusts: Callable[[str], bool]) -> None:
        """Trust the hosts that an operator trusts."""
        self._transport = transport
        self._trusts = trusts

    async def __call__(self, address: str, param: str, room: Room) -> bytes:
        """Return what a link leads to."""
        try:
            parts = urlsplit(address)
            url = URL(address)
            trusted = self._trusts(parts.netloc.lower())
            sound = len(address) <= _LONGEST and bool(url.host) and url.user is None
        except (ValueError, IndexError):  # yarl lets the second out
            raise _refused(param, "it is no valid address") from None
        if not sound:
            raise _refused(param, "it is no valid address")
        if parts.scheme.lower() != "https" and not trusted and url.host not in _LOOPBACK:
            raise _refused(param, "only https links are followed; send the picture itself as a data URL")
        attempt = Try(target=param, started=0.0)
        try:
            async with asyncio.timeout(_SECONDS):
                received = await self._transport.exchange(
                    "GET", url, headers={"accept": "image/*"}, body=None, attempt=attempt, trusted=trusted, room=room
                )
        except TimeoutError:
            raise _refused(param, f"its host did not answer within {_SECONDS:.0f} s") from None
        if isinstance(received, Failure):
            raise _refused(param, _blocked(received))
        return _body(received, param)


def _body(received: Received, param: str) -> bytes:
    if received.status != _OK:
        raise _refused(param, f"its host answered {received.status}; links have to lead to the picture itself")
    return bytes(received.body)


def _blocked(failure: Failure) -> str:
    if failure.code == "custom_host_blocked":
        return "it leads to a private address"
    return failure.message.replace("the provider", "its host")


def _refused(param: str, problem: str) -> GatewayError:
    return GatewayError(f"Invalid {param}: the link cannot be used: {problem}", code="invalid_image", param=param)
