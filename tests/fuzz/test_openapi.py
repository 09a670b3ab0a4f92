"""The description says what is so: its limits are those that requests meet, its routes are those there are."""

import json

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from starlette.applications import Starlette

from gateway.app import build
from gateway.catalogue import CANONICAL, malformed
from gateway.config.watch import NoConfigs
from gateway.errors import GatewayError
from gateway.http.decode import flag_of, seconds_allowed, trace_id_of
from gateway.http.openapi import document
from gateway.http.uploads import IMAGES_MAX
from gateway.settings import Settings
from schemas import load, validator
from tests.end_to_end.caller import ask
from tests.fuzz.bending import JSON
from tests.fuzz.lengths import tries

PARAMS = load("image_request")["properties"]
HEADERS = document()["components"]["parameters"]


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_it_is_served_as_it_was_made(gateway):
    answer = ask(gateway, method="GET", path="/openapi.json", body=b"")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == json.loads(json.dumps(document()))


def test_it_is_not_made_before_it_is_asked_for(tmp_path):
    document.cache_clear()
    build(Settings(data=str(tmp_path)), NoConfigs())
    assert document.cache_info().currsize == 0


def test_every_reference_leads_somewhere():
    for reference in set(references(document())):
        found = document()
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found


def test_every_schema_is_one():
    for name, schema in document()["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema, name


def test_every_route_is_described(monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr("gateway.app.Starlette", lambda **told: made.append(Starlette(**told)) or made[0])
    build(Settings(data=str(tmp_path)), NoConfigs())
    served = {route.path.replace(":path}", "}") for route in made[0].routes}
    served = {path for path in served if not path.startswith("/console")}  # files, for browsers
    described = {*document()["paths"]}
    assert served == described | {path.removeprefix("/v1") for path in described}


def test_every_parameter_that_is_ours_is_described():
    assert {*PARAMS} == CANONICAL - {"image", "mask"}


def test_as_many_pictures_are_described_as_are_taken():
    pictures = load("image_request")["$defs"]["pictures"]["anyOf"][1]
    assert pictures["maxItems"] == IMAGES_MAX


NEAR = st.sampled_from(
    [
        *(
            "1024x1024",
            "16384x1",
            "16385x1",
            "1x16384",
            "0x1",
            "1 x 1",
            "16:9",
            "999.99:1",
            "1000:1",
            "1:0",
            "2k",
            "9K",
        ),
        *("2\u212a", "10k", "auto", "Auto", "url", "b64_json", "png", "", " ", "\u00a0", "\x1c", "\n", "\u0661x\u0661"),
        *(
            0,
            1,
            3,
            4,
            100,
            101,
            128,
            129,
            -1,
            True,
            False,
            2**70,
            1.5,
            "x" * 32_000,
            "x" * 32_001,
            "\U0001f9a6" * 16_001,
        ),
    ]
)


@tries(800, 20_000)
@given(name=st.sampled_from(sorted(PARAMS)), value=NEAR | JSON)
@example(name="size", value="2\u212a")  # the sign for kelvin, which is a small k in another case
@example(name="prompt", value="x" * 32_000)
def test_what_is_described_is_what_is_taken(name, value):
    assume(value is not None)  # which is the default
    assume(not isinstance(value, float) or not value.is_integer())  # 1.0 is a whole number to a schema
    assume(value == value)  # noqa: PLR0124 - NaN is no JSON
    assume(not (isinstance(value, str) and value.endswith("\n")))  # which Python's `$` lets pass
    taken = malformed({"prompt": "an otter", name: value}) is None
    assert validator("image_request").is_valid({name: value}) == taken


@pytest.mark.parametrize("past", [False, True])
def test_the_deadlines_bounds_are_described(past):
    schema = HEADERS["x-gateway-deadline"]["schema"]
    for value, beyond in ((schema["minimum"], -1), (schema["maximum"], 1)):
        headers = {"x-gateway-deadline": str(value + past * beyond)}
        if past:
            with pytest.raises(GatewayError):
                seconds_allowed(headers, 1.0)
        else:
            assert seconds_allowed(headers, 1.0) == value / 1000


def test_the_words_of_switches_are_described():
    for word in HEADERS["x-gateway-explain"]["schema"]["enum"]:
        assert flag_of({"x": word}, "x") is (word.lower() in ("true", "1"))


def test_the_length_of_a_trace_id_is_described():
    longest = HEADERS["x-portkey-trace-id"]["schema"]["maxLength"]
    assert trace_id_of({"x-portkey-trace-id": "a" * longest})
    with pytest.raises(GatewayError):
        trace_id_of({"x-portkey-trace-id": "a" * (longest + 1)})
