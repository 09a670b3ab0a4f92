"""The part of docs/config-reference.md about gateway.yaml."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import yaml

from gateway.settings import PREFIX, Settings
from schemas import load
from tests.docs.placing import SCHEMA, resolved
from tests.docs.telling import block, inline, rows, takes
from tests.documents import ROOT

FILE = load("gateway_file")
MODEL = load("catalogue")["$defs"]["model"]["properties"]
SERVER = FILE["properties"]["server"]["properties"]

EXAMPLES = {
    "name": "team-a",
    "default_config": "sandbox",
    "allow": {"providers": ["openai"], "models": ["gpt-image-*"]},
    "price": {"image": 0.04},
    "choices": {"quality": ["low", "high"]},
}
"""Examples for what the schemas have none for."""

SAYS = {
    "default_size": "What is painted where the caller names no size.",
    "default_quality": "What is painted where the caller names no quality; for prices.",
    "edit": "Whether it changes pictures that are handed in.",
    "mask": "Whether it takes a mask.",
    "variation": "Whether it varies a picture.",
    "stream": "Whether it sends events while it paints.",
    "price": "US dollars: of a picture, a megapixel, or a million tokens.",
}
"""What the catalogue's schema leaves to its names."""

SERVER_EXAMPLES = {
    "data": "/var/lib/beamsplitter",
    "picture_store": "s3://pictures/prefix",
    "default_config": "resilient",
}


def section() -> list[str]:
    """Return the lines of it."""
    lines = ["## `gateway.yaml`\n", f"{FILE['description']}\n"]
    for key, schema in FILE["properties"].items():
        lines += [f"### {key} in `gateway.yaml`\n", f"{schema['description']}\n"]
        if key == "server":
            lines += _settings()
            continue
        lines += block(file_example(key), ": gateway.yaml")
        inside = list(parts_of(schema))
        if key == "virtual_keys":
            lines += ["Inside: the fields of its provider, keys above that may stand in a virtual key, and these:\n"]
            inside = [(name, resolved(SCHEMA["$defs"][name])) for name in ("usage_limits", "rate_limits")]
            inside += [part for name, inner in inside for part in parts_of(inner, name)]
        if key == "catalogue":
            inside = [("provider", load("catalogue")["properties"]["provider"]), *MODEL.items()]
        lines += part_rows(key, [(at.removeprefix("[]."), inner) for at, inner in inside])
    return lines


def parts_of(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what is inside an object or a list of objects: its path, and what may stand there."""
    schema = resolved(schema)
    inner = schema.get("properties", {})
    if not inner and "items" in schema:
        path, inner = f"{path}[]" if path else "[]", resolved(schema["items"]).get("properties", {})
    for name, value in inner.items():
        at = f"{path}.{name}".lstrip(".")
        yield at, resolved(value)
        if name != "cb_config":  # it has a section of its own
            yield from parts_of(value, at)


def part_rows(key: str, parts: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Return a table of what is inside a key."""
    cells = [
        (
            f"`{at}`",
            schema.get("description", SAYS.get(at, "")),
            takes(schema),
            f"`{inline(schema['default'])}`" if "default" in schema else "",
            f"`{inline(part_example(key, at, schema))}`",
        )
        for at, schema in parts
    ]
    return rows((f"in `{key}`", "what it does", "takes", "left out", "example"), cells)


def part_example(key: str, at: str, schema: dict[str, Any]) -> Any:
    """Return a value for what is inside a key; of models, one that a built-in row has."""
    if "examples" in schema:
        return schema["examples"][0]
    if key == "catalogue" and at not in EXAMPLES:
        return min((row[at] for row in _built_in() if row.get(at) is not None), key=lambda value: len(str(value)))
    return EXAMPLES[at]


@functools.cache
def _built_in() -> list[dict[str, Any]]:
    files = sorted((ROOT / "schemas" / "catalogue").glob("*.yaml"))
    loaded = [yaml.load(file.read_text(), Loader=yaml.CSafeLoader) for file in files]
    return [{"provider": file["provider"], **row} for file in loaded for row in file["models"]]


def file_example(key: str) -> dict[str, Any]:
    """Return a gateway file that has a key in it."""
    if key == "default_config":
        return {"default_config": "sandbox"}
    example = {key: FILE["properties"][key]["examples"][0]}
    if key == "api_keys":
        return {"api_keys": [{**example["api_keys"][0], "default_config": "sandbox"}]}
    return example


def server_example(name: str, default: Any) -> Any:
    """Return a value that a setting may have."""
    written = SERVER.get(name, {}).get("examples")
    return written[0] if written else SERVER_EXAMPLES.get(name, default)


def _settings() -> list[str]:
    cells = []
    for field in dataclasses.fields(Settings):
        if field.name == "configs":
            continue
        meta = field.metadata
        says = SERVER.get(field.name, {}).get("description") or meta["help"].partition("  [")[0]
        span = {"minimum": meta["low"], "maximum": meta["high"], "enum": [*meta["choices"]]}
        known = {name: value for name, value in span.items() if value not in (None, [])}
        kind = {bool: "boolean", int: "integer", float: "number", tuple: "array"}.get(type(field.default), "string")
        default = "" if field.default in ("", ()) else f"`{inline(field.default)}`"
        example = f"`{field.name}: {inline(server_example(field.name, field.default))}`"
        cells.append((f"`{field.name}`", says, takes({"type": kind, **known}), default, example))
    return [
        f"Each is also a flag of `beamsplitter serve`, and a variable: `{PREFIX}` and its name in capitals.\n",
        *rows(("setting", "says", "takes", "left out", "example"), cells),
    ]
