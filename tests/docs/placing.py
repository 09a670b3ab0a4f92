"""Where a key of a config may stand, and what becomes of it below: asked of the reader of configs itself."""

import functools
from collections.abc import Iterator
from typing import Any

from gateway.config.document import Document
from gateway.config.folder import read
from gateway.config.parse import parse
from gateway.config.provider_fields import FIELDS, owners
from gateway.errors import InvalidConfig
from schemas import load
from tests.documents import ROOT

SCHEMA = load("gateway_config")
SANDBOX = {"provider": "sandbox"}
WORDS = {
    "override_params": "merged down the tree, the nearer word wins",
    "default_params": "merged down the tree, the nearer word wins",
    "drop_params": "added up down the tree",
    "delivery": "by every target below, each of its fields by itself",
    "deadline": "holds for everything below, and only ever shrinks",
    "max_cost_usd": "holds for everything below, and only ever shrinks",
    "max_attempts": "counts for the whole tree",
}
"""Keys that neither replace each other whole nor stay where they are."""


def is_valid(data: dict[str, Any]) -> bool:
    """Say whether something is a config, beside the virtual keys of the examples."""
    return spec_of(data) is not None


def spec_of(data: dict[str, Any]) -> Any:
    """Return what a config means, `None` where it is none."""
    try:
        return parse(Document(data=data, file="documented.yaml"), virtual_keys=_virtual_keys())
    except InvalidConfig:
        return None


@functools.cache
def _virtual_keys():
    environ = {"OPENAI_API_KEY": "not-real", "AZURE_OPENAI_API_KEY": "not-real"}
    return read(ROOT / "examples" / "configs", environ).gateway.virtual_keys


def resolved(schema: Any) -> dict[str, Any]:
    """Return a schema with what it refers to."""
    if "$ref" in schema:
        return {**resolved(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]), **schema}
    return schema


def leaf_with(key: str, value: Any) -> dict[str, Any] | None:
    """Return a target that is right with a key in it, the plainest that there is."""
    anywhere = key in SCHEMA["$defs"]["target"]["properties"]
    for leaf in _leaves(key, value):
        if is_valid({"targets": [leaf]} if anywhere else leaf):
            return leaf
    return None


def _leaves(key: str, value: Any) -> Iterator[dict[str, Any]]:
    yield {key: value}
    yield {**SANDBOX, key: value}
    for slug in ("openai", *owners(key)):
        row = FIELDS[slug]
        known = {name: resolved(SCHEMA["$defs"][name])["examples"][0] for name in row.all}
        rest = {name: known[name] for name in row.needs}
        if row.host_option:
            rest[row.host_option] = known[row.host_option]
        yield {"provider": slug, **rest, key: value}
        for credential in row.credentials:
            yield {"provider": slug, credential: known[credential], **rest, key: value}
            for other in row.all:
                yield {"provider": slug, credential: known[credential], **rest, other: known[other], key: value}


def node_with(key: str, value: Any) -> dict[str, Any] | None:
    """Return a node with targets that is right with a key in it."""
    node = {key: value, "targets": [SANDBOX]}
    if key in SCHEMA["$defs"]["target"]["properties"] and key != "targets" and is_valid({"targets": [node]}):
        return node
    return None


def places(key: str, value: Any) -> list[str]:
    """Return where a key may stand."""
    found = ["the root"]
    if key in {"strategy", "targets"} or node_with(key, value):
        found.append("a node with targets")
    if key in SCHEMA["$defs"]["target"]["properties"] and key not in {"strategy", "targets"}:
        found.append("a target")
    if key == "hedge":
        found.remove("the root")  # it needs a sibling to start
    if key in SCHEMA["$defs"]["virtual_key_entry"]["properties"]:
        found.append("a virtual key")
    return found


def is_inherited(key: str, value: Any) -> bool:
    """Say whether a target below a node with this key is another one than below a node without it."""
    target = {"provider": "openai", "api_key": "not-real"}
    below, without = spec_of({key: value, "targets": [target]}), spec_of({"targets": [target]})
    return below is not None and below.root.children != without.root.children


def inheritance(key: str, value: Any) -> str:
    """Say what becomes of a key below the node where it stands."""
    if key in WORDS:
        return WORDS[key]
    if is_inherited(key, value):
        return "by every target below; one nearer to the target replaces it whole"
    return "no"
