"""Scripts that the server runs as one step, known to it by their digest."""

import hashlib
from dataclasses import dataclass, field

CLOCK = "local clock = redis.call('TIME')\nlocal now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000\n"
"""The time is the server's, so that gateways whose clocks differ count alike."""


@dataclass(frozen=True, slots=True)
class Script:
    """A text in Lua."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Know the name that the server gives it."""
        object.__setattr__(self, "digest", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())
