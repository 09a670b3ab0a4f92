"""The way out to providers: HTTP/1.1 over aiohttp's connections, guarded at the socket."""

from gateway.transport.budget import UNCOUNTED, ByteBudget, Room
from gateway.transport.events import error_in
from gateway.transport.exchange import Transport

__all__ = ["UNCOUNTED", "ByteBudget", "Room", "Transport", "error_in"]
