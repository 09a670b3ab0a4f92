"""Which fields belong to which provider, as the providers themselves say."""

from gateway.providers import PROVIDERS
from gateway.wire import ProviderFields

__all__ = ["ALL_FIELDS", "FIELDS", "SECRET_FIELDS", "ProviderFields", "owners"]

FIELDS = {slug: adapter.fields for slug, adapter in PROVIDERS.items()}
ALL_FIELDS = tuple(dict.fromkeys(name for row in FIELDS.values() for name in row.all))
SECRET_FIELDS = frozenset(name for row in FIELDS.values() for name in row.secret)


def owners(field: str) -> list[str]:
    """Return the providers a field belongs to."""
    return [slug for slug, row in FIELDS.items() if field in row.all]
