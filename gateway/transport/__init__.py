"""The way out to providers: one aiohttp session for hosts that are trusted, one for those a caller may choose."""

from gateway.transport.session import Transport

__all__ = ["Transport"]
