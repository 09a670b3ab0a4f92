"""JSON Schemas: the single source of what documents may say, for validation, docs, the console and editors."""

import functools
import json
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema.protocols import Validator


@functools.cache
def load(name: str) -> Mapping[str, Any]:
    """Return a schema by its name, such as `gateway_config`."""
    text = resources.files(__name__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    schema: Mapping[str, Any] = json.loads(text)
    return schema


@functools.cache
def validator(name: str) -> "Validator":
    """Return a standard validator for a schema; schemas may refer to each other by file name."""
    # Imported late: serving checks documents with compiled checks, and must start fast.
    from jsonschema import Draft202012Validator  # noqa: PLC0415
    from referencing import Registry, Resource  # noqa: PLC0415

    def retrieve(uri: str) -> Resource[Any]:
        return Resource.from_contents(load(uri.removesuffix(".schema.json")))

    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    return Draft202012Validator(load(name), registry=registry)
