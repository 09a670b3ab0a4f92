"""API keys: who calls the gateway, what they may reach and spend, whether declared in a file or stored."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from gateway.ledger import Account, RateLimit, UsageLimit

PAINT = "completions.write"
"""The scope of pictures."""

DEFAULT_SCOPES = frozenset({PAINT, "feedback.write"})
DEFAULT_WORKSPACE = "default"


def shelf_of(workspace: str) -> str:
    """Return what stands before names of callers' own making, so that no workspace gets at another's."""
    return f"{quote(workspace, safe='')}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A caller: who it is, what it may reach, and what it may spend. The key itself is not known here."""

    name: str
    id: str = ""
    """Of a stored key; a declared one goes by its name."""
    workspace: str = DEFAULT_WORKSPACE
    scopes: frozenset[str] = DEFAULT_SCOPES
    expires: float | None = None
    """Seconds since the epoch."""
    default_config: str | None = None
    default_metadata: Mapping[str, str] = field(default_factory=dict)
    allow_providers: tuple[str, ...] | None = None
    """`None`: all of them."""
    allow_models: tuple[str, ...] | None = None
    """Patterns in which `*` stands for any characters; `None`: all models."""
    usage: UsageLimit | None = None
    rates: tuple[RateLimit, ...] = ()
    account: Account | None = field(init=False, compare=False)
    """What is counted for it, where it has limits."""

    def __post_init__(self) -> None:
        """Work out what is asked for with every request."""
        limited = self.usage is not None or bool(self.rates)
        words = f"the key {self.name!r}"
        account = Account(f"api_key:{self.known_as}", words, self.usage, self.rates) if limited else None
        object.__setattr__(self, "account", account)

    @property
    def known_as(self) -> str:
        """What records call it."""
        return self.id or self.name

    @property
    def shelf(self) -> str:
        """What stands before names of callers' own making."""
        return shelf_of(self.workspace)

    @property
    def is_limited(self) -> bool:
        """Whether there is anything that it may not reach, spend or outlive."""
        limits = (self.usage, self.expires, self.allow_providers, self.allow_models)
        return bool(self.rates) or any(limit is not None for limit in limits)

    @property
    def is_over(self) -> bool:
        """Whether its time has come."""
        return self.expires is not None and time.time() >= self.expires  # noqa: TID251 - dates are the world's


def moment(written: str) -> float:
    """Return an ISO 8601 date or time as seconds since the epoch, UTC where it names no zone; raises `ValueError`."""
    read = datetime.fromisoformat(written)
    return (read if read.tzinfo is not None else read.replace(tzinfo=UTC)).timestamp()
