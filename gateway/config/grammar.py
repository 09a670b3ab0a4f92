"""The grammar of configs: checks made from `schemas/gateway_config.schema.json`, which lists every key."""

import functools
import re
from collections.abc import Mapping
from typing import Any

from gateway.config.not_yet import advice_for_key
from gateway.config.reading import FAULTY, Path, Reading
from gateway.config.shape import (
    Check,
    check_any,
    check_array,
    check_boolean,
    check_free,
    check_number,
    check_string,
    refuse,
    says,
)
from gateway.config.suggest import listed, nearest, printable
from schemas import load

SCHEMA = load("gateway_config")
DEPTH: int = SCHEMA["x-limits"]["depth"]
NODES: int = SCHEMA["x-limits"]["nodes"]

_CAPITAL = re.compile(r"(?<=[a-z0-9])[A-Z]")
_FEW = 8


def snake(key: str) -> str:
    """Return a camelCase key in snake_case."""
    return _CAPITAL.sub(lambda match: "_" + match.group().lower(), key)


def camel(key: str) -> str:
    """Return a snake_case key in camelCase."""
    first, *rest = key.split("_")
    return first + "".join(word.capitalize() for word in rest)


@functools.cache
def checked(name: str) -> Check:
    """Return the check of a definition of the schema; the empty name is the schema itself."""
    return _compiled(SCHEMA["$defs"][name] if name else SCHEMA)


def read_config(reading: Reading) -> Any:  # noqa: ANN401 - any JSON value
    """Return the document in canonical spelling, with `FAULTY` for all that was reported."""
    return checked("")(reading.document.data, (), reading)


def _compiled(schema: Mapping[str, Any]) -> Check:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")

        def referred(value: Any, path: Path, reading: Reading) -> Any:  # noqa: ANN401
            return checked(name)(value, path, reading)  # late: the grammar is recursive

        return referred
    if "anyOf" in schema:
        return check_any(schema, [_compiled(branch) for branch in schema["anyOf"]])
    if schema["type"] == "object" and "properties" in schema:
        return _node(schema) if schema.get("x-node") else _object(schema)
    if schema["type"] == "array":
        return check_array(schema, _compiled(schema["items"]))
    return _SIMPLE[schema["type"]](schema)


_SIMPLE = {
    "object": check_free,
    "string": check_string,
    "boolean": check_boolean,
    "integer": check_number,
    "number": check_number,
}


def _object(schema: Mapping[str, Any]) -> Check:
    names: dict[str, str] = {}
    for key, value in schema["properties"].items():
        same = value.get("x-same-as", key)
        names |= {key: same, camel(key): same}
    checks = {key: _compiled(value) for key, value in schema["properties"].items()}
    required = tuple(schema.get("required", ()))

    def check(value: Any, path: Path, reading: Reading) -> Any:  # noqa: ANN401
        if not isinstance(value, dict):
            return refuse(value, path, reading, schema)
        clean: dict[str, Any] = {}
        for written, item in value.items():
            key = names.get(written) if isinstance(written, str) else None
            if key is None:
                _report_unknown(written, path, reading, schema)
                continue
            place = (*path, key)
            if key in clean:
                message = f"`{reading.spelling(place)}` and `{written}` are the same key; keep one of them."
                reading.report((*path, written), message)
                continue
            if written != key:
                reading.written[place] = written
            clean[key] = checks[key](item, place, reading)
        for key in required:
            if key not in clean:
                owner = f"`{reading.spelling(path)}`" if path and isinstance(path[-1], str) else "This entry"
                reading.report(path, f"{owner} needs `{key}`: {_needed(schema, key)}.")
        return clean

    return check


def _node(schema: Mapping[str, Any]) -> Check:
    check = _object(schema)

    def counted(value: Any, path: Path, reading: Reading) -> Any:  # noqa: ANN401
        if reading.depth >= DEPTH:
            reading.report(path, f"Configs may be nested {DEPTH} deep at most, the root included.")
            return FAULTY
        reading.nodes += 1
        if reading.nodes > NODES:
            if reading.nodes == NODES + 1:
                reading.report(path, f"A config may have {NODES} nodes at most, the root included.")
            return FAULTY
        reading.depth += 1
        clean = check(value, path, reading)
        reading.depth -= 1
        return clean

    return counted


def _needed(schema: Mapping[str, Any], key: str) -> str:
    wanted = schema["properties"][key]
    if "$ref" in wanted:
        wanted = SCHEMA["$defs"][wanted["$ref"].removeprefix("#/$defs/")]
    return says(wanted)


def _report_unknown(written: Any, path: Path, reading: Reading, schema: Mapping[str, Any]) -> None:  # noqa: ANN401
    if reading.is_full:
        return  # to find what each of thousands may be meant as takes long
    if not isinstance(written, str):
        reading.report(path, "Every key must be a string; put it in quotes.")
        return
    key = snake(written)
    advice = advice_for_key(key, written)
    if advice is None:
        advice = f"Unknown key `{printable(written)}`{_where(key, schema)}"
    reading.report((*path, printable(written)), advice)


def _where(key: str, schema: Mapping[str, Any]) -> str:
    own = [name for name, value in schema["properties"].items() if "x-same-as" not in value]
    homes = _homes().get(key)
    if homes:
        return f"; it belongs {homes}."
    guess = nearest(key, own)
    if guess is not None:
        return f"; did you mean `{guess}`?"
    return (
        f"; the keys here are {listed(own, 'and')}."
        if len(own) <= _FEW
        else "; no key here is called anything like it."
    )


_PARAMETERS = (
    *("model", "prompt", "size", "quality", "n", "style", "background", "moderation", "output_format"),
    *("output_compression", "response_format", "seed", "user", "sandbox"),
)
"""What requests hold, and people write one level too high."""


@functools.cache
def _homes() -> dict[str, str]:
    """Return where the keys belong that not every object has."""
    definitions = SCHEMA["$defs"]
    homes: dict[str, list[str]] = {}
    for name, owner in (
        ("strategy", "inside `strategy`"),
        ("condition", "inside `conditions`"),
        ("retry", "inside `retry`"),
        ("delivery", "inside `delivery`"),
    ):
        for key in definitions[name]["properties"]:
            homes.setdefault(key, []).append(owner)
    for key in definitions["target"]["properties"]:
        homes.setdefault(key, []).append("to a target")
    for key in _PARAMETERS:
        homes.setdefault(key, []).append("inside `override_params`")
    for key in SCHEMA["properties"].keys() - definitions["target"]["properties"].keys():
        homes.setdefault(key, []).append("to the root of a config")
    return {key: " or ".join(owners) for key, owners in homes.items()}
