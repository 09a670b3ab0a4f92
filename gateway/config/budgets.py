"""`budgets:` in the gateway file: limits that are counted separately for each key, provider or user."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from gateway.ledger import Account, RateLimit, UsageLimit

METADATA = "metadata."


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One limit, for each of what it is counted by."""

    name: str
    per: str
    """`api_key`, `virtual_key`, `provider` or `metadata.FIELD`."""
    only: str | None = None
    usage: UsageLimit | None = None
    rates: tuple[RateLimit, ...] = ()

    @property
    def by_target(self) -> bool:
        """Whether only a target says whose it is."""
        return self.per in ("virtual_key", "provider")

    def account_of(self, value: str | None, counted_as: str | None = None) -> Account | None:
        """Return what is counted for one of those it is for; nobody has an account without a name.

        `counted_as` is what tells it from others that go by the same name, as in another workspace.
        """
        if not value or (self.only is not None and not fnmatchcase(value, self.only)):
            return None
        words = f"the budget {self.name!r} of {value[:100]!r}"
        return Account(f"budget:{self.name}:{counted_as or value}", words, self.usage, self.rates)
