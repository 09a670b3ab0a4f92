"""Whatever is sent, there is an answer: never a 500, always the envelope, and headers that can be written."""

import asyncio
import json
import re
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.app import build
from gateway.config.watch import LiveConfigs
from gateway.settings import Settings
from tests.end_to_end.caller import ROUTE, assert_envelope

FOLDER = {
    "gateway.yaml": """
        virtual_keys:
          stored: {provider: openai, api_key: test-stored-key-not-real, custom_host: "http://127.0.0.1:1/v1"}
    """,
    "stored.yaml": "{virtual_key: stored}",
    "tree.yaml": """
        strategy:
          mode: conditional
          conditions:
            - {query: {metadata.plan: paid}, then: all}
            - {query: {params.n: {$gt: 1}}, then: all}
            - {query: {params.prompt: {$regex: "^[a-m]"}}, then: one}
        targets:
          - name: all
            strategy: {mode: fallback}
            targets: [{virtual_key: stored}, {virtual_key: stored, override_params: {model: dall-e-3}}]
          - {name: one, virtual_key: stored, adapt: strict, default_params: {size: 512x512}, drop_params: [a.b, "x[*]"]}
    """,
}


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """Return how the application is asked, in this process: providers refuse the connection, if it comes to that."""
    folder = tmp_path_factory.mktemp("any")
    for name, text in FOLDER.items():
        (folder / name).write_text(text)
    with asyncio.Runner() as runner:
        live = LiveConfigs(folder, {})
        assert live.problems == ()
        application, gateway = build(Settings(), live)
        lifespan = gateway.lifespan(None)
        runner.run(lifespan.__aenter__())
        try:
            yield lambda *request: runner.run(answered(application, *request))
        finally:
            runner.run(lifespan.__aexit__(None, None, None))


async def answered(application, headers, body):
    sent = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": ROUTE,
        "raw_path": ROUTE.encode(),
        "query_string": b"",
        "headers": [
            (b"host", b"gateway.test"),
            (b"content-length", b"%d" % len(body)),
            *((name.encode(), value.encode()) for name, value in headers.items()),
        ],
    }

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    async with asyncio.timeout(5):
        await application(scope, receive, send)
    start, *parts = sent
    return start["status"], start["headers"], b"".join(part["body"] for part in parts)


def check(status, headers, body):
    assert status != 500
    for name, value in headers:
        assert re.fullmatch(rb"[a-z0-9-]+", name)
        assert re.fullmatch(rb"([!-~]([\t -~]*[!-~])?)?", value), (name, value)
    if status != 200:
        assert_envelope(json.loads(body))
    assert b"not-real" not in body


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["1024x1024", "auto", "512x512", "hd", "png", "url", "b64_json", "dall-e-2", "openai/dall-e-3", "@stored/x"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        *("prompt", "model", "n", "size", "quality", "style", "response_format", "user", "background", "moderation"),
        *("output_format", "output_compression", "partial_images", "stream", "input_fidelity", "watermark", "seed"),
        *("negative_prompt", "image", "mask", "sandbox"),
    ]
) | st.text(max_size=8)
OBJECTS = st.builds(
    lambda prompt, rest: rest | prompt,
    st.sampled_from([{"prompt": "an otter"}, {}]),
    st.dictionaries(NAMES, VALUES, max_size=5),
)
BODIES = st.one_of(
    OBJECTS.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    OBJECTS.map(lambda value: json.dumps(value).encode()),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=40),
)

VISIBLE = st.text(string.ascii_letters + string.digits + string.punctuation + " \t", max_size=30).map(str.strip)
KEYS = st.sampled_from(
    [
        *("provider", "virtual_key", "api_key", "custom_host", "override_params", "default_params", "drop_params"),
        *("retry", "request_timeout", "weight", "name", "adapt", "billing", "deadline", "passthrough", "max_attempts"),
        *("forward_headers", "strategy", "targets", "azure_resource_name", "openai_project", "cache", "hedge", "id"),
    ]
)
WORDS = st.sampled_from(
    [
        *("openai", "azure-openai", "openai-compatible", "@stored", "stored", "strict", "report", "once", "any", "x"),
        *("http://127.0.0.1:1/v1", "http://10.0.0.1/v1", "https://[::1]:1", 1, 2, 0.5, 300, True, None, "fallback"),
        *(
            {"mode": "fallback"},
            {"mode": "loadbalance"},
            {"mode": "single"},
            {"attempts": 1},
            {"model": "x"},
            ["model"],
        ),
    ]
)
LEAVES = st.dictionaries(KEYS, WORDS | VALUES, max_size=4) | st.sampled_from(
    [{"virtual_key": "stored"}, {"provider": "openai", "api_key": "test-k", "custom_host": "http://127.0.0.1:1/v1"}]
)
CONFIGS = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda mode, targets, more: {**more, "strategy": {"mode": mode}, "targets": targets},
        st.sampled_from(["fallback", "loadbalance", "conditional", "single"]),
        st.lists(inner, max_size=3),
        st.dictionaries(KEYS, WORDS, max_size=1),
    ),
    max_leaves=4,
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "x-portkey-config": CONFIGS.map(json.dumps) | st.sampled_from(["stored", "tree", "none"]) | VISIBLE,
        "x-portkey-provider": st.sampled_from(["openai", "azure-openai", "openai-compatible", "@stored", "nope"])
        | VISIBLE,
        "x-portkey-virtual-key": st.sampled_from(["stored", "@stored"]) | VISIBLE,
        "x-portkey-custom-host": st.sampled_from(["http://127.0.0.1:1", "http://10.1.1.1/v1"]) | VISIBLE,
        "x-portkey-metadata": VALUES.map(json.dumps) | st.just('{"plan": "paid"}') | VISIBLE,
        "x-portkey-request-timeout": st.integers(-5, 700_000).map(str) | VISIBLE,
        "x-gateway-deadline": st.integers(900, 700_000).map(str) | VISIBLE,
        "x-portkey-trace-id": VISIBLE,
        "x-portkey-forward-headers": VISIBLE,
        "x-gateway-explain": st.sampled_from(["true", "1", "false"]) | VISIBLE,
        "x-portkey-api-key": VISIBLE,
        "x-portkey-azure-resource-name": VISIBLE,
        "x-portkey-azure-api-version": VISIBLE,
        "x-portkey-azure-deployment-id": VISIBLE,
        "x-portkey-openai-project": VISIBLE,
        "authorization": VISIBLE | VISIBLE.map(lambda token: f"Bearer {token}"),
        "content-type": st.just("application/json") | VISIBLE,
        "idempotency-key": VISIBLE,
    },
)
# The same cases in every run: a failure here must not be a matter of luck, and what is found by luck gets a test.
FUZZ = settings(
    max_examples=350,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@FUZZ
@given(headers=HEADERS, body=BODIES)
def test_any_headers_and_any_body_get_an_answer(call, headers, body):
    check(*call(headers, body))


@FUZZ
@given(body=OBJECTS, route=st.sampled_from(["stored", "tree"]), plan=st.sampled_from(["paid", "free"]))
def test_any_parameters_get_an_answer(call, body, route, plan):
    headers = {"x-portkey-config": route, "x-portkey-metadata": json.dumps({"plan": plan})}
    check(*call(headers, json.dumps(body).encode()))
    check(*call(headers | {"x-gateway-explain": "true"}, json.dumps(body).encode()))


@FUZZ
@given(config=CONFIGS, host=st.sampled_from([{}, {"x-portkey-custom-host": "http://127.0.0.1:1"}]))
def test_any_config_gets_an_answer(call, config, host):
    headers = {"x-portkey-config": json.dumps(config), "x-gateway-deadline": "1000", **host}
    check(*call(headers, b'{"prompt": "an otter", "model": "gpt-image-1"}'))
