"""The way out to providers: HTTP/1.1 over aiohttp's connections, guarded at the socket."""

from gateway.transport.budget import ByteBudget, Room
from gateway.transport.exchange import Transport

__all__ = ["ByteBudget", "Room", "Transport"]
