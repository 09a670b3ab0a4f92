"""The addresses that a server listens on."""

import errno
import ipaddress
import os
import socket

BACKLOG = 2048
"""Connections that the system accepts for us while we are busy: a burst of clients is not refused."""


class CannotBind(Exception):
    """The address cannot be listened on; the message says why and what to do."""


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    bare = host.strip("[]").rstrip(".").lower()
    if bare == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket, before anything costly has started."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise CannotBind(f"{host} is not an address of this machine: use 127.0.0.1, or 0.0.0.0 for all.") from None
    family, kind, number, _, address = found[0]
    bound = socket.socket(family, kind, number)
    try:
        if os.name == "posix":
            # Elsewhere this option would let two servers share a port by accident.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        bound.close()
        raise CannotBind(_advice(error, host, port)) from None
    bound.settimeout(0)
    return bound


def _advice(error: OSError | OverflowError, host: str, port: int) -> str:
    match error.errno if isinstance(error, OSError) else None:
        case errno.EADDRINUSE:
            return f"Port {port} on {host} is in use: stop what listens there, or choose another (0: any free one)."
        case errno.EACCES:
            return f"Port {port} needs more rights than this user has: choose one above 1023."
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine: use 127.0.0.1, or 0.0.0.0 for all."
        case _:
            return f"Cannot listen on {host}, port {port}: {error}."
