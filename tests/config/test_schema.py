"""The compiled checks and a standard validator agree about the schema they both read."""

import copy
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.document import Document
from gateway.config.grammar import read_config, snake
from gateway.config.not_yet import ALIASES
from gateway.config.provider_fields import ALL_FIELDS, FIELDS
from gateway.config.reading import FAULTY, Reading
from schemas import load, validator
from tests.config.bad_configs import MEANING, PAINT, SHAPE
from tests.config.good_configs import PORTKEY
from tests.config.test_parse import KEYS

SCHEMA = load("gateway_config")
BEYOND_THE_SCHEMA = {"nine nodes on a path", "an unknown provider"}
"""Depth is the tree's, which JSON Schema cannot count; which providers there are, their adapters say."""


def folded(value):
    """Return a document in snake_case, as far as the grammar folds it."""
    if isinstance(value, dict):
        free = {"override_params", "default_params", "query"}
        return {
            snake(key): item if snake(key) in free else folded(item)
            for key, item in value.items()
            if isinstance(key, str)
        }
    return [folded(item) for item in value] if isinstance(value, list) else value


def ours(data):
    reading = Reading(Document(data=copy.deepcopy(data)))
    return read_config(reading) is not FAULTY and not reading.problems


def theirs(data):
    return validator("gateway_config").is_valid(folded(data))


@pytest.mark.parametrize("row", [row for row in SHAPE if row[0] not in BEYOND_THE_SCHEMA], ids=lambda row: row[0])
def test_both_refuse_what_is_wrong(row):
    assert not ours(row[1])
    if "two spellings" in row[0] or "strings" in row[0] or "not a number" in row[0] or "infinite" in row[0]:
        return  # JSON has neither
    if "line break" in row[0]:
        return  # Python's `$` lets the last line break pass
    assert not theirs(row[1])


@pytest.mark.parametrize(
    "data", [*SCHEMA["examples"], *PORTKEY, *(row[1] for row in MEANING)], ids=lambda data: json.dumps(data)[:60]
)
def test_both_accept_what_is_right(data):
    assert theirs(data)
    assert ours(data)


SCALARS = st.none() | st.booleans() | st.integers(-10, 700_000) | st.floats(0, 9) | st.text("ab/ @", max_size=4)
WORDS = st.sampled_from(["fallback", "single", "timeout", "strict", "once", "sandbox", "@a", "weighted"])
VALUES = st.recursive(
    SCALARS | WORDS | st.lists(st.integers(398, 601), max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["mode", "attempts", "on_status_codes", "verify", *KEYS]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(set(SCHEMA["properties"]))), VALUES)
def test_both_agree_about_any_value_of_any_key(key, value):
    data = {**PAINT, key: value}
    if key == "provider" and isinstance(value, str) and value not in (*FIELDS, *ALIASES) and value[:1] != "@":
        return  # the schema knows what a slug looks like, and not which there are
    assert ours(data) == theirs(data)


def test_the_schema_is_a_schema_and_its_examples_are_valid():
    check = validator("gateway_config")
    check.check_schema(SCHEMA)
    for name, definition in SCHEMA["$defs"].items():
        assert {"title", "description"} <= definition.keys(), name
        for example in definition.get("examples", ()):
            if isinstance(example, str) and example.startswith("${"):
                continue
            assert check.evolve(schema={"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]}).is_valid(example), name


def test_the_schema_and_the_table_name_the_same_providers_and_fields():
    definitions = SCHEMA["$defs"]
    slug = re.compile(definitions["provider"]["anyOf"][0]["pattern"])
    assert [name for name in (*FIELDS, *ALIASES) if slug.fullmatch(name) is None] == []
    for owner in ("target", "virtual_key_entry"):
        assert set(ALL_FIELDS) <= definitions[owner]["properties"].keys()
    for row in FIELDS.values():
        assert all(definitions[name]["writeOnly"] for name in row.secret)


def test_the_root_takes_every_key_of_a_target():
    assert SCHEMA["$defs"]["target"]["properties"].items() <= SCHEMA["properties"].items()
