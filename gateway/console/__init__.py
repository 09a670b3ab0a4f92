"""The web console: static files that talk to the gateway's own API, with the key of whoever looks."""

from gateway.console.serving import console_routes

__all__ = ["console_routes"]
