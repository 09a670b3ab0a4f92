"""Every provider the gateway can talk to, by its slug."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.providers.azure_openai import AZURE_OPENAI
from gateway.providers.openai import OPENAI, OPENAI_COMPATIBLE
from gateway.providers.sandbox import SANDBOX
from gateway.wire import Adapter

__all__ = ["ALIASES", "PROVIDERS", "find"]

PROVIDERS: Mapping[str, Adapter] = MappingProxyType(
    {
        adapter.name: adapter
        for adapter in (
            OPENAI,
            AZURE_OPENAI,
            OPENAI_COMPATIBLE,
            SANDBOX,
        )
    }
)

ALIASES: Mapping[str, str] = MappingProxyType({"stability": "stability-ai"})


def find(slug: str) -> Adapter | None:
    """Return the adapter of a slug or of its alias; `None` where there is no such provider."""
    return PROVIDERS.get(ALIASES.get(slug, slug))
