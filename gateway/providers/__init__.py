"""Every provider the gateway can talk to, by its slug: whatever modules beside this one list as `ADAPTERS`."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gateway.wire import Adapter

__all__ = ["PROVIDERS"]


def _found() -> Iterator[Adapter]:
    for module in pkgutil.iter_modules(__path__):
        yield from getattr(importlib.import_module(f"{__name__}.{module.name}"), "ADAPTERS", ())


PROVIDERS: Mapping[str, Adapter] = MappingProxyType(
    {adapter.name: adapter for adapter in sorted(_found(), key=lambda adapter: adapter.name)}
)
