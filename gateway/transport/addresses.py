"""Which addresses a connection may be opened to: checked at the socket, so that no spelling of a host slips by."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable

from aiohttp import ThreadedResolver
from aiohttp.abc import ResolveResult
from aiohttp.connector import AddrInfoType

_LOOKUP_SECONDS = 5.0

_FORBIDDEN = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/32",
        "2001:db8::/32",
        "2002::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_METADATA = (  # cloud metadata services hand out credentials: no setting opens the way to them
    ipaddress.ip_network("169.254.169.254/32"),
    ipaddress.ip_network("169.254.170.2/32"),
    ipaddress.ip_network("100.100.100.200/32"),
    ipaddress.ip_network("fd00:ec2::254/128"),
)


_PRIVATE = "the custom host leads to a private address; an operator can allow it by listing it in trusted_hosts"
_NEVER = "the custom host leads to an address that no setting allows, such as a cloud's metadata service; name another"


class BlockedAddress(OSError):
    """A connection was about to be opened to an address that its target may not reach; says what can be done.

    It does not say which address: a name with several must fail in one voice, and what a name resolves to inside is
    nothing for a caller to learn.
    """


def forbidden(address: str, *, private: bool, loopback: bool) -> bool:
    """Whether a connection to this IP address is refused, given whether private and loopback ones are allowed."""
    if "%" in address:
        return True  # a scoped address means a link of this very machine
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if any(within in network for network in _METADATA for within in (ip, _carried(ip))):
        return True
    if any(ip in network for network in _LOOPBACK):  # before the forbidden ones, which hold ::1 as well
        return not (loopback or private)
    return not private and any(ip in network for network in _FORBIDDEN)


def _carried(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the IPv4 address that a translated or tunnelled IPv6 address ends up at, else the address itself."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _TRANSLATED:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.sixtofour or ip


def guarded_socket(*, private: bool, loopback: bool) -> Callable[[AddrInfoType], socket.socket]:
    """Return the factory that aiohttp asks for a socket, with the final address, before every connection."""

    def make(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        host = str(address[0])
        if forbidden(host, private=private, loopback=loopback):
            raise BlockedAddress(_NEVER if forbidden(host, private=True, loopback=True) else _PRIVATE)
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        return made

    return make


class Resolver(ThreadedResolver):
    """The system's own way to look names up, bounded in time: its own bounds add up to half a minute.

    Where private addresses are closed, one of them closes its name: a name that has others as well is not somebody's
    whom a caller may name, but a way in that waits for its turn.
    """

    def __init__(self, *, private: bool = True, loopback: bool = True) -> None:
        """Remember which addresses a name may have."""
        super().__init__()
        self._private = private
        self._loopback = loopback

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host; raises `TimeoutError` where nobody says them soon."""
        async with asyncio.timeout(_LOOKUP_SECONDS):
            found = await super().resolve(host, port, family)
        if not self._private:
            closed = [each["host"] for each in found if self._is_closed(each["host"])]
            if closed:
                never = all(forbidden(address, private=True, loopback=True) for address in closed)
                raise BlockedAddress(_NEVER if never else _PRIVATE)
        return found

    def _is_closed(self, address: str) -> bool:
        return forbidden(address, private=False, loopback=self._loopback)
