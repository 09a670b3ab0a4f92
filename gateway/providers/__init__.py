"""Every provider the gateway can talk to, by its slug."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.providers.azure_openai import AZURE_OPENAI
from gateway.providers.openai import OPENAI, OPENAI_COMPATIBLE
from gateway.providers.sandbox import SANDBOX
from gateway.wire import Adapter

__all__ = ["PROVIDERS"]

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
