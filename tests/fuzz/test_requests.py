"""Any request that the API's description leads to, and any that it rules out, gets an answer that it describes."""

import copy
import json
import math
import string
from collections import Counter

import pytest
import requests
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from gateway.http.openapi import document
from gateway.http.openapi_calls import CALLS
from tests.end_to_end.caller import assert_envelope
from tests.end_to_end.provider import png
from tests.fuzz.conftest import CONFIGS
from tests.fuzz.lengths import LONG, tries

IMAGES = [f"/v1/images/{what}" for what in ("generations", "edits", "variations")]
CLOSED = "http://127.0.0.1:1/v1"


def without_headers(described):
    """Return the description with its headers left to the table below: schemathesis is slow with so many."""
    plain = copy.deepcopy(described)
    for path in plain["paths"].values():
        for operation in path.values():
            operation["parameters"] = [row for row in operation["parameters"] if "$ref" not in row]
    return plain


SCHEMA = schemathesis.openapi.from_dict(without_headers(document()))
CONTROL = {f"/v1{path}" for path in CALLS}
NAMES = sorted(name for name, row in document()["components"]["parameters"].items() if row["in"] == "header")

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["1024x1024", "16:9", "2k", "hd", "url", "dall-e-3", "@strict/gpt-image-1", "data:image/png;base64,"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
VISIBLE = st.text(string.ascii_letters + string.digits + string.punctuation + " \t", max_size=30).map(str.strip)
ODD = st.text(max_size=12, alphabet=st.characters(codec="latin-1", exclude_characters="\r\n")).map(str.strip)
LEAF = st.dictionaries(
    st.sampled_from(["override_params", "retry", "adapt", "deadline", "request_timeout", "billing", "delivery", "x"]),
    st.sampled_from(
        [{"model": "dall-e-3"}, {"attempts": 1}, "strict", 1000, "any", {"url_ttl": 60}, {"persist": True}]
    ),
    max_size=2,
).map(lambda more: {"virtual_key": "strict", **more})
CONFIG = LEAF | st.builds(
    lambda mode, targets: {"strategy": {"mode": mode}, "targets": targets},
    st.sampled_from(["fallback", "loadbalance", "single", "conditional"]),
    st.lists(LEAF | st.just({"provider": "sandbox"}), max_size=3),
)
VALUES = {
    "x-portkey-config": st.sampled_from([*CONFIGS, "none"]) | CONFIG.map(json.dumps) | JSON.map(json.dumps) | VISIBLE,
    "x-portkey-metadata": st.just('{"plan": "paid"}') | JSON.map(json.dumps) | VISIBLE,
    "x-portkey-custom-host": st.sampled_from([CLOSED, "http://10.0.0.1/v1", "https://[::1]:1", "ftp://x"]) | ODD,
    "x-portkey-provider": st.sampled_from(["openai", "sandbox", "azure-openai", "@strict", "stability", "nope"]) | ODD,
    "x-portkey-virtual-key": st.sampled_from(["strict", "@strict"]) | VISIBLE,
    "x-portkey-request-timeout": st.integers(-5, 700_000).map(str) | VISIBLE,
    "x-gateway-deadline": st.integers(900, 3_000).map(str) | VISIBLE,
    "authorization": st.just("Bearer test-sent-key") | VISIBLE,
    "x-gateway-explain": st.sampled_from(["true", "1", "false"]) | VISIBLE,
}
HEADERS = (
    st.just({})
    | st.sampled_from(sorted(CONFIGS)).map(lambda name: {"x-portkey-config": name})
    | st.lists(st.sampled_from(sorted(VALUES)) | st.sampled_from(NAMES), max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: VALUES.get(name, VISIBLE | ODD) for name in names})
    )
)


@pytest.fixture(scope="module")
def session():
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened


@pytest.fixture(scope="module")
def send(gateway, session):
    """Return what sends a case with more headers, and looks at the answer."""

    def sent(case, headers):
        headers = {name: value.encode("latin-1") for name, value in headers.items()}
        headers.setdefault("x-gateway-deadline", b"3000")
        config = headers.get("x-portkey-config", b"sandbox")
        ours = config.decode("latin-1") in CONFIGS or b"virtual_key" in config or b'"sandbox"' in config
        if "x-portkey-provider" in headers or not ours:
            # No provider but ours is to hear of this, whatever the model is called.
            headers.setdefault("x-portkey-custom-host", CLOSED.encode())
        response = case.call(base_url=gateway.url, session=session, headers=headers, timeout=30)
        look_at(response, case)
        statuses[response.status_code] += 1

    statuses = Counter()
    yield sent
    print("\nrequests:", statuses.total(), dict(sorted(statuses.items())))  # noqa: T201 - for whoever runs with -s
    if LONG:
        assert statuses.total() >= 20_000
    if statuses.total() > 500:  # a search that only ever meets refusals finds nothing behind them
        assert statuses[200] > statuses.total() / 20


def look_at(response, case):
    status = response.status_code
    assert status in range(200, 600)
    assert status != 500, response.content
    assert b"not-real" not in response.content
    if status == 304 or case.operation.path == "/openapi.json":
        return
    if not 200 <= status < 300:
        assert_envelope(json.loads(response.content))
    case.validate_response(response, checks=[response_schema_conformance, content_type_conformance])


def bent(body, name, value):
    """Return a body with one thing in it that may be anything."""
    if not isinstance(body, dict):
        return value
    if value is math.inf:
        return {key: item for key, item in body.items() if key != name}
    return {**body, name: value}


FIELDS = sorted({*document()["components"]["schemas"]["ImageRequest"]["properties"], "image", "images", "mask", "x"})


@pytest.mark.parametrize("path", IMAGES)
def test_what_is_described_is_answered_as_described(send, path):
    @tries(60, 3000)
    @given(case=SCHEMA[path]["POST"].as_strategy(), headers=HEADERS)
    def test(case, headers):
        send(case, headers)

    test()


@pytest.mark.parametrize("path", IMAGES[:2])
def test_one_thing_that_may_be_anything_is_answered_too(send, path):
    @tries(70, 4000)
    @given(
        case=SCHEMA[path]["POST"].as_strategy(),
        name=st.sampled_from(FIELDS),
        value=JSON | st.just(math.inf),
        headers=HEADERS,
    )
    def test(case, name, value, headers):
        if case.media_type == "application/json":
            case.body = bent(case.body, name, value)
        send(case, headers)

    test()


@pytest.mark.parametrize("path", IMAGES)
def test_what_is_ruled_out_is_answered_too(send, path):
    @tries(5, 400)
    @given(case=SCHEMA[path]["POST"].as_strategy(generation_mode=GenerationMode.NEGATIVE), headers=HEADERS)
    def test(case, headers):
        send(case, headers)

    test()


@pytest.mark.parametrize("path", sorted({*SCHEMA} - {*IMAGES} - CONTROL))
def test_what_is_only_read_is_answered_as_described(send, path):
    @tries(20, 400)
    @given(case=SCHEMA[path]["GET"].as_strategy(), headers=HEADERS)
    def test(case, headers):
        send(case, headers)

    test()


def test_pictures_are_painted_in_all_of_this(gateway, session, strict):
    for config in CONFIGS:
        for params in ({}, {"response_format": "url"}):
            body = {"prompt": "an otter", "model": "dall-e-2", **params}
            answer = session.post(gateway.url + IMAGES[0], json=body, headers={"x-portkey-config": config}, timeout=30)
            assert answer.status_code == 200, answer.content
    picture = {"image": ("a.png", png(64, 64))}
    answer = session.post(gateway.url + IMAGES[1], data={"prompt": "an otter"}, files=picture, timeout=30)
    assert answer.status_code == 200, answer.content
