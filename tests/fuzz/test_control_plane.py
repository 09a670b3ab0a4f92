"""Whatever is asked of the control plane gets an answer that the API's description has."""

import copy
import json
import re
from collections import Counter

import pytest
import requests
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.cockpit.routes import cockpit_routes
from gateway.http.control.analytics import analytics_routes
from gateway.http.control.logs import log_routes
from gateway.http.control.routes import control_routes
from gateway.http.openapi import document
from gateway.http.openapi_calls import CALLS, QUERY
from tests.end_to_end.caller import alive, assert_envelope
from tests.fuzz.lengths import tries
from tests.running import serving

ADMIN = "admin-key-not-real-0123"
METHODS = [(f"/v1{path}", method.upper()) for path, calls in CALLS.items() for method in calls]
ANSWERED = [(path, method) for path, method in METHODS if not CALLS[path.removeprefix("/v1")][method.lower()].streams]
"""Those that come to an end."""
WRITES = [(path, method) for path, method in METHODS if method in ("POST", "PUT")]
CHECKS = [response_schema_conformance, content_type_conformance, status_code_conformance]
SANDBOX = {"provider": "sandbox"}


def small():
    """Return the description with small configs and credentials: theirs are judged by other tests, and make many."""
    found = copy.deepcopy(document())
    found["paths"] = {path: found["paths"][path] for path in sorted({path for path, _ in METHODS})}
    schemas = found["components"]["schemas"]
    schemas["Control.config_text"] = {"enum": [SANDBOX, '{"provider": "sandbox"}', {"provider": "nope"}, "x"]}
    for name in ("draft", "explain_asked", "simulate_asked"):
        written = {"config": schemas["Control.config_text"], "text": {"enum": ["provider: sandbox", "a: [", "x"]}}
        schemas[f"Control.{name}"]["properties"] |= {**written, "id": {"enum": ["here", "declared", "nope"]}}
    for name in ("new_virtual_key", "virtual_key_change"):
        fields = schemas[f"Control.{name}"]["properties"]
        kept = {key: fields[key] for key in names_kept() if key in fields}
        kept["provider"] = {"enum": ["openai", "sandbox", "azure-openai", "nope"]}
        schemas[f"Control.{name}"] |= {"properties": kept, "additionalProperties": False}
    return found


def names_kept():
    own = document()["components"]["schemas"]["Control.virtual_key_fields"]["properties"]
    return [*own, "provider", "api_key", "usage_limits", "rate_limits", "custom_host"]


FIELDS = sorted(
    {
        *names_kept(),
        "config",
        "text",
        "request",
        "assume",
        "traffic",
        "faults",
        "requests",
        "scopes",
        "defaults",
        "allow",
        "value",
        "filters",
        "requested_data",
    }
)
SPAN = {"time_of_generation_min": "2026-01-01", "time_of_generation_max": "2026-12-01T00:00:00+01:00"}
SCHEMA = schemathesis.openapi.from_dict(small())
ODD = st.text(max_size=12, alphabet=st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["", ".", "..", "%00", "%2F", "a" * 300, "\u202e", "' OR 1=1 --", "-1", "1e9", "NaN", "2026-13-45", "***", "active"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD, inner, max_size=3),
    max_leaves=5,
)
QUERIES = st.dictionaries(
    st.sampled_from([*(name.partition(".")[2] for name in document()["components"]["parameters"] if "." in name), "x"]),
    ODD | st.integers(-5, 2**70).map(str) | st.sampled_from(["2026-01-01", "2026-01-31", '{"team": "a"}', "csv"]),
    max_size=4,
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("controlled")
    (folder / "declared.yaml").write_text("provider: sandbox\n")
    with serving(folder, "--log-level", "error", env={"BEAMSPLITTER_ADMIN_KEY": ADMIN}) as running:
        yield running
        assert running.process.poll() is None
        assert alive(running)
        assert not [line for line in running.lines if "Traceback" in line]


@pytest.fixture(scope="module")
def session():
    with requests.Session() as opened:
        opened.trust_env = False
        opened.headers["x-portkey-api-key"] = ADMIN
        yield opened


@pytest.fixture(scope="module")
def things(gateway, session):
    """Return what may stand in paths: names of what is there, and of what is not."""
    made = {"name": "nothing"}
    for path, body in {
        "configs": {"name": "a", "slug": "here", "config": SANDBOX},
        "virtual-keys": {"name": "a", "slug": "here", "provider": "openai", "key": "sk-not-real-at-all"},
        "api-keys": {"name": "a"},
        "logs": {"request": {}, "response": {}},
        "feedback": {"trace_id": "a", "value": 1},
        "logs/exports": {},
    }.items():
        answer = session.post(f"{gateway.url}/v1/{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        made[path] = answer.json().get("id") or answer.json()["feedback_ids"][0]
    return [*made.values(), "here", "nope"]


@pytest.fixture(scope="module")
def send(gateway, session, things):
    statuses = Counter()

    def sent(case, name, query=()):
        if case.path_parameters:
            case.path_parameters = {
                **case.path_parameters,
                **{part: name for part in ("name", "id") if part in case.path_parameters},
            }
        case.query = {**(case.query or {}), **dict(query)}
        response = case.call(base_url=gateway.url, session=session, timeout=30)
        statuses[response.status_code] += 1
        assert response.status_code != 500, (response.content, response.request.url, response.request.body)
        assert b"not-real" not in response.content
        if not 200 <= response.status_code < 300:
            assert_envelope(json.loads(response.content))
        case.validate_response(response, checks=CHECKS)

    yield sent
    print("\nrequests:", statuses.total(), dict(sorted(statuses.items())))  # noqa: T201 - for whoever runs with -s
    assert statuses[200] > statuses.total() / 20 or statuses.total() < 500  # a few of these tests may be anything


def test_every_method_that_is_served_is_described_and_no_other():
    routes = [*control_routes(lambda: None), *log_routes(None), *analytics_routes(None), *cockpit_routes(None)]
    served = {(route.path, method) for route in routes for method in route.methods - {"HEAD"}}
    assert served == {(prefix + path.removeprefix("/v1"), how) for path, how in METHODS for prefix in ("/v1", "")}


@pytest.mark.parametrize(("path", "method"), ANSWERED, ids=" ".join)
def test_what_is_described_is_answered_as_described(send, things, path, method):
    @tries(8, 400)
    @given(
        case=SCHEMA[path][method].as_strategy(),
        name=st.sampled_from(things),
        query=st.just({}) | st.just(SPAN) | QUERIES,
    )
    def test(case, name, query):
        send(case, name, query)

    test()


@pytest.mark.parametrize(("path", "method"), WRITES, ids=" ".join)
def test_one_thing_that_may_be_anything_is_answered_too(send, things, path, method):
    @tries(8, 800)
    @given(
        case=SCHEMA[path][method].as_strategy(),
        name=st.sampled_from(things),
        field=st.sampled_from(FIELDS),
        value=JSON,
    )
    def test(case, name, field, value):
        if isinstance(case.body, dict):
            case.body = {**case.body, field: value}
        else:
            case.body = value
        send(case, name)

    test()


@pytest.mark.parametrize(("path", "method"), WRITES, ids=" ".join)
def test_what_is_ruled_out_is_answered_too(send, things, path, method):
    @tries(3, 200)
    @given(case=SCHEMA[path][method].as_strategy(generation_mode=GenerationMode.NEGATIVE), name=st.sampled_from(things))
    def test(case, name):
        send(case, name)

    test()


@pytest.mark.parametrize(
    ("name", "well", "badly"),
    [("cache_status", "HIT,MISS", "HIT;MISS"), ("status_code", "200,429", "20"), ("cache_status", "DISABLED", "hit?")],
)
def test_the_words_that_a_list_is_filtered_by_are_those_described(name, well, badly):
    schema, _ = QUERY[name]
    assert re.search(schema["pattern"], well)
    assert not re.search(schema["pattern"], badly)
