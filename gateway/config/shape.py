"""The shape of a document, checked by functions that are made from its JSON Schema once.

Walking the schema anew for every document would cost more than all the rest of reading it. The schema stays the
single source: its keywords decide, and tests hold these checks against a standard validator. Beside the standard
ones there are annotations: `x-expects` (the words after "must be"), `x-same-as` (another spelling of a key), `x-node`
and `x-limits` (what counts as a node of the tree, and how many there may be), `x-advice` (who words a refusal).
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from gateway.config.not_yet import ALIASES, NOT_YET_VALUES, advice_for_provider
from gateway.config.plain import is_text, read_plain
from gateway.config.provider_fields import FIELDS
from gateway.config.reading import FAULTY, Path, Reading
from gateway.config.suggest import did_you_mean, listed, shown

Check = Callable[[Any, Path, Reading], Any]
"""Returns the value in canonical spelling, or `FAULTY` after reporting it."""


def says(schema: Mapping[str, Any]) -> str:
    """Return the words after "must be"."""
    if "x-expects" in schema:
        return str(schema["x-expects"])
    if "enum" in schema:
        return ("one of " if len(schema["enum"]) > 1 else "") + listed(schema["enum"])
    most, least = schema.get("maximum"), schema.get("minimum")
    longest = f" of at most {schema['maxLength']} characters" if "maxLength" in schema else ""
    return {
        "integer": f"a whole number from {least} to {most}",
        "number": "a number",
        "string": f"a string{longest}",
        "boolean": "true or false",
        "array": "a list",
        "object": "an object",
    }[schema["type"]]


def refuse(value: Any, path: Path, reading: Reading, schema: Mapping[str, Any], hint: str = ".") -> Any:  # noqa: ANN401
    """Report a value that is not what its schema asks for."""
    owner = next((index for index in range(len(path), 0, -1) if isinstance(path[index - 1], str)), 0)
    name = f"`{reading.spelling(path[:owner])}`" if owner else "This config"
    if owner and owner < len(path):
        name = f"Each entry of {name}"
    secret = bool(schema.get("writeOnly"))
    reading.report(path, f"{name} must be {says(schema)}, not {shown(value, secret=secret)}{hint}")
    return FAULTY


def check_string(schema: Mapping[str, Any]) -> Check:
    """Return the check of a string: its length, its pattern, its allowed values."""
    least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    # Python's `$` also matches before a final line break, so the whole string has to match.
    matches = re.compile(schema["pattern"]).fullmatch if "pattern" in schema else None
    allowed = frozenset(schema["enum"]) if "enum" in schema else None

    def check(value: Any, path: Path, reading: Reading) -> Any:  # noqa: ANN401
        if not isinstance(value, str):
            return refuse(value, path, reading, schema)
        if allowed is not None and value not in allowed:
            advice = NOT_YET_VALUES.get((str(path[-1]), value))
            if advice is not None:
                reading.report(path, f"`{value}` {advice}.")
                return FAULTY
            return refuse(value, path, reading, schema, did_you_mean(value, schema["enum"]))
        if least <= len(value) <= most and (matches is None or matches(value)) and is_text(value):
            return value
        return refuse(value, path, reading, schema)

    return check


def check_number(schema: Mapping[str, Any]) -> Check:
    """Return the check of a number; true and false are none."""
    least, most = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    whole = schema["type"] == "integer"

    def check(value: Any, path: Path, reading: Reading) -> Any:  # noqa: ANN401
        if not isinstance(value, int | float) or isinstance(value, bool):
            quoted = isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value, re.ASCII)
            return refuse(value, path, reading, schema, "; leave out the quotes." if quoted else ".")
        if isinstance(value, int):
            finite = abs(value) < 2**63
        else:
            finite = math.isfinite(value) and not (whole and not value.is_integer())
        if not finite or not least <= value <= most:
            return refuse(value, path, reading, schema)
        return int(value) if whole else value

    return check


def check_boolean(schema: Mapping[str, Any]) -> Check:
    """Return the check of true or false."""
    allowed = (schema["const"],) if "const" in schema else (True, False)

    def check(value: Any, path: Path, reading: Reading) -> Any:  # noqa: ANN401
        if isinstance(value, bool) and value in allowed:
            return value
        return refuse(value, path, reading, schema)

    return check


def check_array(schema: Mapping[str, Any], item: Check) -> Check:
    """Return the check of a list."""
    least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)

    def check(value: Any, path: Path, reading: Reading) -> Any:  # noqa: ANN401
        if not isinstance(value, list):
            return refuse(value, path, reading, schema)
        name = path[-1]
        if len(value) > most:
            reading.report(path, f"`{name}` holds {len(value)} entries; {most} are the limit.")
            return FAULTY
        if len(value) < least:
            reading.report(path, f"`{name}` is empty; list at least one entry, or leave it out.")
            return FAULTY
        return [item(entry, (*path, index), reading) for index, entry in enumerate(value)]

    return check


def check_any(schema: Mapping[str, Any], branches: list[Check]) -> Check:
    """Return the check of a value that has to fit one of several schemas."""
    names_provider = schema.get("x-advice") == "provider"

    def check(value: Any, path: Path, reading: Reading) -> Any:  # noqa: ANN401
        if names_provider and isinstance(value, str) and value and not value.startswith("@") and value not in FIELDS:
            if value in ALIASES:
                return ALIASES[value]
            reading.report(path, advice_for_provider(value, list(FIELDS)))
            return FAULTY
        for branch in branches:
            trial = Reading(reading.document)
            if branch(value, path, trial) is not FAULTY and not trial.problems:
                return value
        return refuse(value, path, reading, schema)

    return check


def check_free(schema: Mapping[str, Any]) -> Check:
    """Return the check of an object whose keys are free."""

    def check(value: Any, path: Path, reading: Reading) -> Any:  # noqa: ANN401
        return read_plain(value, path, reading) if isinstance(value, dict) else refuse(value, path, reading, schema)

    return check
