"""Live state on Redis or Valkey, shared by any number of gateways; needs the extra `[redis]`."""

from gateway.state.redis.cache import RedisState
from gateway.state.redis.flights import RedisFlights
from gateway.state.redis.intents import RedisIntents
from gateway.state.redis.ledger import RedisLedger
from gateway.state.redis.line import ServerLost
from gateway.state.redis.marks import Bell, Marks
from gateway.state.redis.rates import RedisRates
from gateway.state.redis.server import Server

__all__ = [
    "Bell",
    "Marks",
    "RedisFlights",
    "RedisIntents",
    "RedisLedger",
    "RedisRates",
    "RedisState",
    "Server",
    "ServerLost",
]
