"""docs/config-reference.md says what the reader of configs does, and each example in it is right."""

import json
import re

import pytest

from gateway.config.document import Document
from gateway.config.gateway_file import read_gateway_file
from gateway.config.provider_fields import ALL_FIELDS
from gateway.settings import NAMES, Settings
from tests.docs.placing import SANDBOX, SCHEMA, WORDS, is_valid, leaf_with, resolved, spec_of
from tests.docs.reference import PAGE, example_of, page
from tests.docs.reference_file import FILE, file_example, part_example, parts_of, server_example

KEYS = [key for key, value in SCHEMA["properties"].items() if "x-same-as" not in value]
INSIDE = [
    pytest.param(key, at, schema, id=f"{key}: {at}")
    for key in KEYS
    if key != "targets"
    for at, schema in parts_of(SCHEMA["properties"][key])
]
NAMED = [{**SANDBOX, "name": name} for name in ("premium", "basic", "primary", "backup")]
WHOLE = [{"query": {"metadata.plan": "paid"}, "then": "premium"}]


def test_the_page_is_what_make_docs_writes():
    assert PAGE.read_text() == page(), "run `make docs`"


def test_every_key_has_a_place_on_the_page():
    text = PAGE.read_text()
    headed = set(re.findall(r"(?m)^### `(\w+)`$", text)) | set(re.findall(r"(?m)^\| `(\w+)` \|", text))
    same = {key for key in SCHEMA["properties"] if f"`{key}` is another spelling" in text}
    assert set(SCHEMA["properties"]) - headed - same == set()


@pytest.mark.parametrize("key", KEYS)
def test_an_example_of_a_key_is_a_config(key):
    assert is_valid(example_of(key))


@pytest.mark.parametrize(("key", "at", "schema"), INSIDE)
def test_an_example_of_what_is_inside_a_key_is_right(key, at, schema):
    value = part_example(key, at, schema)
    assert any(is_valid(config) for config in around(key, at, value))


def around(key, at, value):
    """Yield configs in which the value stands where the page says, in the company that it may need."""
    examples = {"": resolved(SCHEMA["properties"][key])["examples"][0], "hedge": {"accept_double_billing": True}}
    examples |= {inner: part_example(key, inner, schema) for inner, schema in parts_of(SCHEMA["properties"][key])}
    for company in (examples[""], examples.get(key, {})):
        whole = put(company, "", [step for step in at.replace("[]", ".[]").split(".") if step], value, examples)
        if key != "strategy":
            yield {"strategy": {"mode": "fallback"}, "targets": NAMED, key: whole}
            yield {"strategy": {"mode": "fallback"}, "targets": [{**SANDBOX, key: whole}, SANDBOX]}
            continue
        for mode, needs in {"fallback": {}, "loadbalance": {}, "conditional": {"conditions": WHOLE}}.items():
            alone = {name: inner for name, inner in whole.items() if name in at}
            yield {"strategy": {"mode": mode} | needs | alone, "targets": NAMED}


def put(whole, path, steps, value, examples):
    """Return a copy of something with a value put where the steps lead; what is not there begins as its example."""
    if not steps:
        return value
    step, *rest = steps
    if step == "[]":
        return [put(whole[0], f"{path}[]", rest, value, examples)]
    at = f"{path}.{step}".lstrip(".")
    return {**whole, step: put(whole.get(step, examples.get(at)), at, rest, value, examples)}


@pytest.mark.parametrize("name", ALL_FIELDS)
def test_an_example_of_a_providers_field_is_right(name):
    assert leaf_with(name, resolved(SCHEMA["$defs"][name])["examples"][0]) is not None


@pytest.mark.parametrize("key", [key for key in FILE["properties"] if key != "server"])
def test_an_example_of_a_key_of_the_gateway_file_is_right(key):
    written = json.loads(re.sub(r"\$\{\w+\}", "0123456789-not-real", json.dumps(file_example(key))))
    assert read_gateway_file(Document(data=written, file="gateway.yaml"))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "configs"])
def test_an_example_of_a_setting_is_right(name):
    value = server_example(name, getattr(Settings(), name))
    value = list(value) if isinstance(value, tuple) else value
    assert read_gateway_file(Document(data={"server": {name: value}}, file="gateway.yaml")).server[name] == value


def test_what_is_said_to_be_merged_is_merged():
    outer = {
        "override_params": {"model": "a", "size": "1x1"},
        "default_params": {"n": 1, "seed": 1},
        "drop_params": ["style"],
        "delivery": {"persist": True, "url_ttl": 60},
        "retry": {"attempts": 1, "on_status_codes": [500]},
    }
    inner = {
        "override_params": {"model": "b"},
        "default_params": {"seed": 2},
        "drop_params": ["user"],
        "delivery": {"url_ttl": 90},
        "retry": {"attempts": 2},
    }
    leaf = spec_of({**outer, "targets": [{**SANDBOX, **inner}]}).root.children[0]
    assert leaf.shaping.override_params == {"model": "b", "size": "1x1"}
    assert leaf.shaping.default_params == {"n": 1, "seed": 2}
    assert leaf.shaping.drop_params == ("style", "user")
    assert (leaf.persist, leaf.url_ttl) == (True, 90)
    assert (leaf.retry.attempts, leaf.retry.on_status_codes) == (2, None)
    assert set(outer) - {"retry"} <= set(WORDS)
