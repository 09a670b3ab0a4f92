"""What a schema allows, in words and links, and everything inside it as rows of a table."""

from collections.abc import Iterator
from typing import Any

import orjson

from gateway.http.described.markup import Markup, anchor, el, spoken, together
from gateway.http.described.parts import Json, Parts

_DEEPEST = 5
_LONGEST_PATTERN = 60
_BOUNDS = {
    "minimum": "from {}",
    "maximum": "up to {}",
    "minLength": "{} characters or more",
    "maxLength": "{} characters at most",
    "minItems": "{} or more",
    "maxItems": "{} at most",
}


def kind(parts: Parts, schema: Any) -> Markup:  # noqa: ANN401 - any JSON value
    """Return in a few words what may stand there."""
    if not isinstance(schema, dict) or not schema:
        return together("anything")
    name = parts.named(schema)
    if name is not None:
        root = name.partition("/")[0]
        return el("a", name.rpartition("/")[2] if "/" in name else name, href=f"#{anchor('schema', root)}")
    if "const" in schema:
        return el("code", _written(schema["const"]))
    if schema.get("enum"):
        return _joined([el("code", _written(value)) for value in schema["enum"]], " or ")
    for key, word in (("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")):
        shown = [kind(parts, each) for each in schema.get(key, ()) if {"type", "$ref", "enum", "const"} & each.keys()]
        if shown:
            return _joined(list(dict.fromkeys(shown)), word)
    return _plain(parts, schema)


def _plain(parts: Parts, schema: Json) -> Markup:
    kinds = schema.get("type", "object" if "properties" in schema else "any value")
    names = [kinds] if isinstance(kinds, str) else kinds
    words: list[str] = [" or ".join(names)]
    if "items" in schema:
        words += [" of ", kind(parts, schema["items"])]
    if "format" in schema:
        words.append(f" ({schema['format']})")
    bounds = [text.format(schema[key]) for key, text in _BOUNDS.items() if key in schema]
    if len(schema.get("pattern", "")) in range(1, _LONGEST_PATTERN):
        bounds.append(f"like {schema['pattern']}")
    if bounds:
        words.append(f", {', '.join(bounds)}")
    if "default" in schema:
        words += ["; left out: ", el("code", _written(schema["default"]))]
    return together(*words)


def rows(parts: Parts, schema: Json) -> Iterator[tuple[Markup, Markup, Markup]]:
    """Yield name, kind and meaning of everything inside an object, objects inside it included."""
    for name, inner, needed in _inside(parts, schema, "", 0):
        label = (
            together(el("code", name), " ", el("span", "required", class_="required")) if needed else el("code", name)
        )
        yield label, kind(parts, inner), spoken(str(inner.get("description", "")))


def _inside(parts: Parts, schema: Json, before: str, depth: int) -> Iterator[tuple[str, Json, bool]]:
    if depth > _DEEPEST:
        return
    for name, (inner, needed) in parts.fields(schema).items():
        at = f"{before}{name}"
        yield at, inner if isinstance(inner, dict) else {}, needed
        if isinstance(inner, dict) and "$ref" not in inner:
            yield from _below(parts, inner, at, depth + 1)


def _below(parts: Parts, inner: Json, at: str, depth: int) -> Iterator[tuple[str, Json, bool]]:
    if "properties" in inner:
        yield from _inside(parts, inner, f"{at}.", depth)
    items = inner.get("items")
    if isinstance(items, dict) and "properties" in items:
        yield from _inside(parts, items, f"{at}[].", depth)
    for choice in inner.get("anyOf", ()):
        if isinstance(choice, dict) and "properties" in choice:
            yield from _inside(parts, choice, f"{at}.", depth)


def _joined(words: list[Markup], between: str) -> Markup:
    told: list[str] = []
    for word in words:
        told += [between, word] if told else [word]
    return together(*told)


def _written(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return orjson.dumps(value).decode()
