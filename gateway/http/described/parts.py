"""Looks into an OpenAPI document: what a reference leads to, and a value that a schema would take."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_SCHEMAS = "#/components/schemas/"
_DEEPEST = 8
_WORDS = {
    "prompt": "an otter reading a map",
    "time_of_generation_min": "2026-11-01",
    "time_of_generation_max": "2026-12-01",
    "password": "not-a-real-secret",
    "date-time": "2027-01-31T00:00:00Z",
}
"""Name or format → a word that says more than `a-name`."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The document, with ways through it."""

    document: Json

    def at(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Return what a value is, or what its `$ref` leads to."""
        seen = 0
        while isinstance(value, dict) and isinstance(value.get("$ref"), str) and seen < _DEEPEST:
            rest = {key: item for key, item in value.items() if key != "$ref"}
            found: Any = self.document
            for step in value["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            value, seen = ({**found, **rest} if rest and isinstance(found, dict) else found), seen + 1
        return value

    def named(self, schema: Json) -> str | None:
        """Return the name of the schema that a reference leads to."""
        at = schema.get("$ref", "")
        return at.removeprefix(_SCHEMAS) if at.startswith(_SCHEMAS) else None

    def example(self, schema: Any, name: str = "", depth: int = 0) -> Any:  # noqa: ANN401 - any JSON value
        """Return the plainest value that a schema takes."""
        schema = self.at(schema)
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return None
        if name in _WORDS:
            return _WORDS[name]
        known = [*schema.get("examples", ()), *(schema[key] for key in ("const", "default") if key in schema)]
        known += schema.get("enum", ())
        choices = [] if known or "properties" in schema else schema.get("oneOf") or schema.get("anyOf") or []
        if known or choices:
            return known[0] if known else self.example(choices[0], name, depth + 1)
        return self._of_kind(schema, name, depth)

    def _of_kind(self, schema: Json, name: str, depth: int) -> Any:  # noqa: ANN401 - any JSON value
        kinds = schema.get("type", "object" if {"properties", "allOf"} & schema.keys() else "string")
        match kinds if isinstance(kinds, str) else kinds[0]:
            case "object":
                fields = self.fields(schema)
                chosen = [key for key, (_, needed) in fields.items() if needed] or [*fields][: depth == 0]
                return {key: self.example(fields[key][0], key, depth + 1) for key in chosen}
            case "array":
                return [self.example(schema.get("items", {}), name, depth + 1)]
            case "boolean":
                return True
            case "integer" | "number":
                return max(1, schema.get("minimum", 1))
            case _:
                return _WORDS.get(schema.get("format", "")) or f"a-{name.replace('_', '-')}"

    def fields(self, schema: Any) -> dict[str, tuple[Json, bool]]:  # noqa: ANN401 - any JSON value
        """Return what may stand in an object, and whether it has to; of all parts that it is made of."""
        schema = self.at(schema)
        properties, needed = self._collected(schema)
        return {name: (inner, name in needed) for name, inner in properties.items()}

    def _collected(self, schema: Json) -> tuple[Json, set[str]]:
        """Return properties and what is required; of several ways to satisfy it, the first one's."""
        properties: Json = {}
        needed = set(schema.get("required", ()))
        ways = [*schema.get("anyOf", ())[:1], *schema.get("oneOf", ())[:1]] if "properties" in schema else []
        for part in (*schema.get("allOf", ()), *ways):
            inner, more = self._collected(self.at(part))
            properties |= inner
            needed |= more
        return properties | schema.get("properties", {}), needed

    def operations(self) -> Iterator[tuple[str, str, Json]]:
        """Yield each method of each path."""
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield path, method, operation
