"""A curl line for each operation, made of what the description says it takes."""

import re
import shlex

import orjson

from gateway.http.described.parts import Json, Parts

KEY = '-H "x-portkey-api-key: $KEY"'
_KEY_PARAMETER = "#/components/parameters/x-portkey-api-key"
_WIDTH = 100


def curl(parts: Parts, path: str, method: str, operation: Json) -> str:
    """Return a line that a shell understands; `$GATEWAY` is where the gateway is, `$KEY` one of its keys."""
    parameters = [parts.at(each) for each in operation.get("parameters", ())]
    url = _filled(path, {each["name"]: each["schema"] for each in parameters if each["in"] == "path"})
    query = [each for each in parameters if each["in"] == "query" and each.get("required")]
    asked = "&".join(f"{each['name']}={parts.example(each['schema'], each['name'])}" for each in query)
    body = operation.get("requestBody", {}).get("content", {})
    does = "" if method == ("post" if body else "get") else f" -X {method.upper()}"
    words = [f'curl -s{does} "$GATEWAY{url}{"?" if asked else ""}{asked}"']
    if _wants_key(operation):
        words.append(KEY)
    if body:
        words += _body(parts, *next(iter(body.items())))
    line = " ".join(words)
    return line if len(line) <= _WIDTH else " \\\n  ".join(words)


def _filled(path: str, schemas: dict[str, Json]) -> str:
    """Put something in the place of each part of a path: one of its words, else its name in capitals."""

    def word(found: re.Match[str]) -> str:
        choices = schemas.get(found[1], {}).get("enum")
        return str(choices[0]) if choices else found[1].upper()

    return re.sub(r"\{([^}:]+)(?::[^}]*)?\}", word, path)


def _wants_key(operation: Json) -> bool:
    takes = any(each.get("$ref") == _KEY_PARAMETER for each in operation.get("parameters", ()))
    return takes or bool(operation.get("security"))


def _body(parts: Parts, kind: str, content: Json) -> list[str]:
    schema = content["schema"]
    if kind == "multipart/form-data":
        return [f"-F {shlex.quote(_field(parts, *each))}" for each in _needed(parts, schema)]
    example = orjson.dumps(parts.example(schema)).decode()
    return [f"-H 'content-type: {kind}'", f"-d {shlex.quote(example)}"]


def _needed(parts: Parts, schema: Json) -> list[tuple[str, Json]]:
    return [(name, inner) for name, (inner, needed) in parts.fields(schema).items() if needed]


def _field(parts: Parts, name: str, schema: Json) -> str:
    inner = parts.at(schema)
    if inner.get("format") == "binary" or parts.at(inner.get("items", {})).get("format") == "binary":
        return f"{name}=@otter.png"
    return f"{name}={parts.example(inner, name)}"
