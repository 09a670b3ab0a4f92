"""Turns an untrusted config document into a frozen spec, or tells every problem with it at once."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from gateway.config.document import Document
from gateway.config.grammar import read_config
from gateway.config.inherit import NOTHING
from gateway.config.leaf import Place, Surroundings
from gateway.config.reading import FAULTY, Reading
from gateway.config.spec import ConfigSpec, NodeSpec
from gateway.config.tree import node_spec
from gateway.config.virtual_key import VirtualKey, parse_virtual_key
from gateway.errors import InvalidConfig

__all__ = ["VirtualKey", "canonical", "needs_target", "never", "parse", "parse_virtual_key"]


def never(_: str) -> bool:
    """Trust no host."""
    return False


def parse(
    document: Document,
    *,
    virtual_keys: Mapping[str, VirtualKey],
    trusted_hosts: Callable[[str], bool] = never,
    root: str = "$",
    host_from_header: bool = False,
) -> ConfigSpec:
    """Return what a document means; raises `InvalidConfig` with all of its problems.

    `trusted_hosts` is asked with `host` or `host:port`, as the URL has it. `root` is where the config stands in what
    its author wrote. `host_from_header` says that the request brings a custom host, so no target needs its own.
    """
    reading = Reading(document, root)
    clean = read_config(reading)
    spec: NodeSpec | None = None
    if clean is not FAULTY:
        if "id" in clean and not document.from_file:
            reading.report(("id",), "`id` has an effect in files only; remove it.")
        around = Surroundings(
            reading=reading,
            virtual_keys=virtual_keys,
            trusted_hosts=trusted_hosts,
            host_from_header=host_from_header,
        )
        spec = node_spec(clean, Place(path=(), tree_path="config", inherited=NOTHING, deadline=None), around)
    if reading.problems or spec is None:
        raise InvalidConfig(reading.problems)
    return ConfigSpec(
        root=spec,
        id=clean.get("id"),
        description=clean.get("description"),
        version=hashlib.sha256(_dumped(clean)).hexdigest()[:12],
        max_attempts=clean.get("max_attempts"),
    )


def canonical(data: Any) -> bytes:  # noqa: ANN401 - an untrusted document
    """Return a config's one spelling: snake_case, keys sorted; raises `InvalidConfig` where it has none."""
    reading = Reading(Document(data=data))
    clean = read_config(reading)
    if reading.problems:
        raise InvalidConfig(reading.problems)
    return _dumped(clean)


def needs_target(document: Document) -> bool:
    """Whether a config holds settings only, for a target that is named elsewhere."""
    data = document.data
    return isinstance(data, dict) and not any(
        key in data for key in ("provider", "virtual_key", "virtualKey", "targets")
    )


def _dumped(clean: Any) -> bytes:  # noqa: ANN401 - any JSON value
    return orjson.dumps(clean, option=orjson.OPT_SORT_KEYS)
