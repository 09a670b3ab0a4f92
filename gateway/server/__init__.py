"""The server: Hypercorn's protocol on connections of our own, and the process around it."""

from gateway.server.connection import Patience
from gateway.server.process import run
from gateway.server.scrub import scrub_logs
from gateway.server.serving import Drain, serve
from gateway.server.sockets import CannotBind, bind, is_loopback

__all__ = ["CannotBind", "Drain", "Patience", "bind", "is_loopback", "run", "scrub_logs", "serve"]
