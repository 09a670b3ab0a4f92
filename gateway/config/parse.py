"""Turns an untrusted config document into a frozen spec, or tells every problem with it at once."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from gateway.config.cases import cases_of
from gateway.config.document import Document
from gateway.config.grammar import read_config
from gateway.config.inherit import NOTHING
from gateway.config.leaf import Place, Surroundings
from gateway.config.provider_fields import SECRET_FIELDS
from gateway.config.reading import FAULTY, Reading, given
from gateway.config.spec import ConfigSpec, NodeSpec, SettingsSpec
from gateway.config.tree import node_spec
from gateway.config.virtual_key import VirtualKey
from gateway.errors import InvalidConfig

_NAMES_TARGET = ("provider", "virtual_key", "virtualKey", "targets", "strategy")
_SETS_NOTHING = {"id", "description"}


def parse(
    document: Document,
    *,
    virtual_keys: Mapping[str, VirtualKey],
    trusted_hosts: Callable[[str], bool] = lambda _: False,
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
    cases = () if clean is FAULTY or spec is None else cases_of(given(clean, "tests"), spec, reading)
    if document.problems or reading.problems or spec is None:
        raise InvalidConfig([*document.problems, *reading.problems])
    return ConfigSpec(
        root=spec,
        id=clean.get("id"),
        description=clean.get("description"),
        version=_version(clean),
        max_attempts=clean.get("max_attempts"),
        cases=cases,
    )


def parse_settings(document: Document) -> SettingsSpec:
    """Return a config of settings alone; raises `InvalidConfig` where it is wrong beside whichever target.

    What operators keep in files holds no credential: a caller could have it sent to a host of its own.
    """
    reading = Reading(document)
    clean = read_config(reading)
    if document.from_file and clean is not FAULTY:
        for name in SECRET_FIELDS & clean.keys():
            reading.report((name,), f"`{name}` needs a `provider` beside it; without one, callers bring their own.")
    if document.problems or reading.problems:
        raise InvalidConfig([*document.problems, *reading.problems])
    settings = {name: value for name, value in document.data.items() if name != "id"}
    return SettingsSpec(settings=settings, version=_version(clean))


def needs_target(document: Document) -> bool:
    """Whether a config holds settings only, for a target that is named elsewhere."""
    data = document.data
    if not isinstance(data, dict) or any(key in data for key in _NAMES_TARGET):
        return False
    if document.from_file and data.keys() <= _SETS_NOTHING:
        return False
    overriding = data.get("override_params", data.get("overrideParams"))
    model = overriding.get("model") if isinstance(overriding, dict) else None
    return not (isinstance(model, str) and model.startswith("@"))  # `@slug/model` names a virtual key


def _version(clean: dict[str, Any]) -> str:
    """Return what the version of a config is called: tests are no part of what it does."""
    does = {name: value for name, value in clean.items() if name != "tests"}
    return hashlib.sha256(orjson.dumps(does, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]
