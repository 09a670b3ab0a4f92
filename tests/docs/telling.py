"""What a schema allows in words, and values as YAML: how the generated pages say things."""

from typing import Any

import yaml

from tests.docs.placing import resolved

_KINDS = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "`true` or `false`"}
_KINDS |= {"array": "a list", "object": "an object", "null": "null"}


def takes(schema: dict[str, Any]) -> str:
    """Say in words what a schema allows."""
    if "x-expects" in schema:
        return schema["x-expects"]
    if "const" in schema:
        return f"`{inline(schema['const'])}`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    kinds = schema.get("type", "one of several forms, as its text says")
    said = " or ".join(_KINDS.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None:
        said += f", {low} or more" if high is None else f" from {low} to {high}"
    if "maxLength" in schema:
        said += f", {schema['maxLength']} characters at most"
    if "items" in schema and "properties" not in resolved(schema["items"]):
        said += f", each {takes(resolved(schema['items']))}"
    if "maxItems" in schema:
        said += f", {schema['maxItems']} at most"
    return said


def inline(value: Any) -> str:
    """Return a value in YAML's flow style, on one line."""
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    written = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return written.removesuffix("...\n").strip()


def block(config: dict[str, Any], about: str = "") -> list[str]:
    """Return a config as a block of the page that is checked; a flat one has a line for each key."""
    is_flat = not any(isinstance(value, dict | list) for value in config.values())
    written = yaml.safe_dump(
        config, default_flow_style=False if is_flat else None, width=118, sort_keys=False, allow_unicode=True
    )
    return [f"<!-- config{about} -->", "```yaml", written.rstrip(), "```", ""]


def rows(headings: tuple[str, ...], cells: list[tuple[str, ...]]) -> list[str]:
    """Return a table; nothing where there are no rows."""
    if not cells:
        return []
    lines = [f"| {' | '.join(headings)} |", "| --- " * len(headings) + "|"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in cells]
    return [*lines, ""]
