"""Serving an application over HTTP/1.1, from binding the port to the last answer before the process ends."""

import asyncio
import contextlib
import errno
import ipaddress
import logging
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.config import Config

from gateway.http.connection import Connection, Patience
from gateway.http.protocol import Server

App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

_log = logging.getLogger("gateway.server")

_BACKLOG = 2048
"""Connections that the system accepts for us while we are busy: a burst of clients meets no refused connection."""
_HEAD_BUFFER_BYTES = 128 * 1024
_CANCELLED_SECONDS = 5.0
"""What an application gets for saying that it was stopped."""
_HURRIED_SECONDS = 10.0


class PortInUse(Exception):
    """Something else listens on the address; the message says which and what to do."""


@dataclass
class Drain:
    """How a server ends: `hurry` shortens what is left of the time for answers that are still being made."""

    seconds: float = 190.0
    """Above the longest deadline of ordinary requests, 180 s."""
    grace: float = 5.0
    """While answers are being made, new requests are still heard for this long: balancers see /readyz say no."""
    hurried: float = _HURRIED_SECONDS


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that holds the address, before anything costly has started."""
    bare = host.strip("[]")
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            bare, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise PortInUse(f"{host} is no address of this machine: use 127.0.0.1, or 0.0.0.0 for all.") from None
    bound = socket.socket(family, kind, number)
    try:
        if os.name == "posix":
            # Elsewhere the option would let two servers share the port by accident.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise PortInUse(_sentence(error, host, port)) from None
    bound.setblocking(False)
    return bound
