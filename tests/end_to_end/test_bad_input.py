"""What callers get wrong: refused at once, in the envelope, with what to do instead, and nothing sent to anyone."""

import base64
import contextlib
import json

import pytest

from tests.end_to_end.caller import ROUTE, Answer, ask, assert_envelope, line_to, raw_request, target

JSON = {"content_type": "application/json"}


def assert_refused(got, provider, status, code, param=None):
    assert (got.status, got.code, got.error["param"]) == (status, code, param)
    assert got.seconds < 1
    assert provider.connects == 0


BODIES = {
    "nothing": b"",
    "an open object": b'{"prompt":',
    "100,000 open arrays": b"[" * 100_000,
    "100,000 nested arrays": b"[" * 100_000 + b"]" * 100_000,
    "100,000 nested objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep inside": b'{"prompt":"a","x":' + b"[" * 2000 + b"]" * 2000 + b"}",
    "NaN": b'{"prompt": "a", "n": NaN}',
    "Infinity": b'{"prompt": "a", "n": -Infinity}',
    "an overflowing number": b'{"prompt": "a", "x": 1e400}',
    "a number of 5,000 digits": b'{"prompt": "a", "n": ' + b"9" * 5000 + b"}",
    "a lone surrogate": rb'{"prompt": "\ud800"}',
    "not UTF-8": b'{"prompt": "\xff"}',
    "UTF-16": '{"prompt": "a"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + b'{"prompt": "a"}',
    "two objects": b"{}{}",
    "a comment": b'{"prompt": "a"} // b',
    "single quotes": b"{'prompt': 'a'}",
    "an array": b"[]",
    "null": b"null",
    "a text": b'"an otter"',
    "a raw control character": b'{"prompt": "a\x01b"}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_object(gateway, provider, body):
    assert_refused(ask(gateway, body, config=target(provider), **JSON), provider, 400, "invalid_json")


PARAMS = [
    *(("prompt", value) for value in (None, "", " \t\n", 5, True, [], {}, ["a"], "x" * 32_001)),
    *(("n", value) for value in (0, -1, True, 1e3, 1.5, "1", 129, 10**18, 10**30, [], {})),
    *(
        ("size", value)
        for value in ("99999x1", "0x0", "1024x", "x", "", "1024X1024", 5, ["1x1"], "１０２４x1024", "1024x1024\n")  # noqa: RUF001
    ),
    ("model", ""),
    ("model", 5),
    ("model", ["a"]),
    ("model", {}),
    ("quality", 5),
    ("quality", []),
    ("response_format", "png"),
    ("response_format", 1),
    ("user", 5),
]


@pytest.mark.parametrize(("name", "value"), PARAMS, ids=[f"{name}={json.dumps(value):.20}" for name, value in PARAMS])
def test_a_parameter_that_no_model_takes(gateway, provider, name, value):
    body = {"prompt": "an otter", name: value}
    config = {key: value for key, value in target(provider).items() if key != "override_params"}
    got = ask(gateway, body, config=config)
    assert_refused(got, provider, 400, f"invalid_{name}", name)


def test_null_stands_for_the_default(gateway, provider):
    body = {"prompt": "an otter", "n": None, "size": None, "style": None, "stream": None, "anything": None}
    assert ask(gateway, body, config=target(provider)).status == 200
    assert provider.seen[0].json == {"prompt": "an otter", "model": "good"}


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "json", ";;;", "a/b/c"],
)
def test_a_content_type_that_is_not_read(gateway, provider, kind):
    got = ask(gateway, b'{"prompt": "a"}', config=target(provider), content_type=kind)
    assert_refused(got, provider, 415, "unsupported_encoding")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;"])
def test_a_content_type_that_is_read(gateway, provider, kind):
    assert ask(gateway, b'{"prompt": "a"}', config=target(provider), content_type=kind).status == 200


def test_a_config_that_is_given_twice(gateway, provider):
    with line_to(gateway) as line:
        line.sendall(raw_request(target(provider), b'{"prompt": "a"}', 'x-portkey-config: {"provider": "sandbox"}'))
        head, _, body = line.recv(65536).partition(b"\r\n\r\n")
    assert head.split()[1] == b"400"
    error = json.loads(body)["error"]
    assert error["code"] == "bad_header"
    assert "x-portkey-config" in error["message"]
    assert provider.connects == 0


def test_a_compressed_body(gateway, provider):
    got = ask(gateway, b"\x1f\x8b", config=target(provider), content_encoding="gzip", **JSON)
    assert_refused(got, provider, 415, "unsupported_encoding")


def test_a_body_over_the_limit(gateway, provider):
    body = b'{"prompt": "' + b"a" * (1 << 20)
    assert_refused(ask(gateway, body, config=target(provider), **JSON), provider, 413, "body_too_large")


def test_a_chunked_body_over_the_limit(gateway, provider):
    chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    head = raw_request(target(provider), b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
    with line_to(gateway) as line:
        with contextlib.suppress(ConnectionError):
            line.sendall(head + chunk * 40)
        got = line.recv(65536)
    assert b" 413 " in got.partition(b"\r\n")[0]
    assert b"body_too_large" in got


# --- headers ---

CONFIGS = {
    "an open object": "{",
    "a closing brace only": "}",
    "an array": "[]",
    "a quoted text": '"x"',
    "nothing": "",
    "base64 of nothing": "=",
    "base64 of an open object": base64.b64encode(b"{").decode(),
    "base64 of an array": base64.b64encode(b"[]").decode(),
    "base64 of bytes": base64.b64encode(b"\xff\xfe{}").decode(),
    "deep objects": '{"a":' * 6000,
    "deep whole objects": '{"a":' * 3000 + "1" + "}" * 3000,
    "deep arrays": '{"targets":' + "[" * 15_000 + "]" * 15_000 + "}",
    "NaN": '{"provider": "sandbox", "weight": NaN}',
    "a huge number": '{"provider": "sandbox", "weight": 1e999}',
    "a huge integer": '{"provider": "sandbox", "weight": ' + "9" * 5000 + "}",
    "a twin key": '{"provider": "sandbox", "provider": "openai"}',
    "a twin key inside": '{"provider": "sandbox", "override_params": {"a": 1, "a": 2}}',
    "a lone surrogate": '{"provider": "sandbox", "name": "\\ud800"}',
    "a null byte": '{"provider": "sandbox", "name": "\\u0000"}',
    "an unknown key": '{"provider": "sandbox", "provder": 1}',
    "an unknown mode": '{"strategy": {"mode": "fallbck"}, "targets": [{"provider": "sandbox"}]}',
    "a mode of the wrong type": '{"strategy": {"mode": 5}, "targets": [{"provider": "sandbox"}]}',
    "no targets in the list": '{"strategy": {"mode": "fallback"}, "targets": []}',
    "targets of the wrong type": '{"strategy": {"mode": "fallback"}, "targets": {"provider": "sandbox"}}',
    "a target of the wrong type": '{"strategy": {"mode": "fallback"}, "targets": [null, 5, "x", []]}',
    "an unknown provider": '{"provider": "opnai"}',
    "a provider of the wrong type": '{"provider": ["openai"]}',
    "an unknown virtual key": '{"virtual_key": "nope"}',
    "an id": '{"id": "x", "provider": "sandbox"}',
    "a timeout of zero": '{"provider": "sandbox", "request_timeout": 0}',
    "a timeout that is true": '{"provider": "sandbox", "request_timeout": true}',
    "six retries": '{"provider": "sandbox", "retry": {"attempts": 6}}',
    "true retries": '{"provider": "sandbox", "retry": {"attempts": true}}',
    "a code that is none": '{"provider": "sandbox", "retry": {"attempts": 1, "on_status_codes": [200]}}',
    "a cache by meaning": '{"provider": "sandbox", "cache": {"mode": "semantic"}}',
    "a host header": '{"provider": "sandbox", "forward_headers": ["Host"]}',
    "a length header": '{"provider": "sandbox", "forward_headers": ["content-length"]}',
    "a connection header": '{"provider": "sandbox", "forward_headers": ["Connection"]}',
    "a line break in a header name": '{"provider": "sandbox", "forward_headers": ["a\\r\\nb"]}',
    "a line break in a key": '{"provider": "openai", "api_key": "a\\r\\nx-evil: b"}',
    "a null byte in a key": '{"provider": "openai", "api_key": "a\\u0000"}',
    "a line break in an option": '{"provider": "openai", "api_key": "k", "openai_project": "a\\r\\nx-evil: b"}',
    "an azure resource elsewhere": '{"provider": "azure-openai", "api_key": "k", "azure_resource_name": "x.y/"}',
    "azure without a resource": '{"provider": "azure-openai", "api_key": "k"}',
    "openai-compatible without a host": '{"provider": "openai-compatible"}',
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_config_that_is_none(gateway, provider, config):
    got = ask(gateway, config=config)
    assert (got.status, got.code) == (400, "invalid_config")
    assert got.seconds < 1
    assert provider.connects == 0


def test_a_slip_is_told_before_what_the_headers_lack(gateway):
    got = ask(gateway, config={"strtegy": {"mode": "fallback"}, "retry": {"atempts": 1}})
    assert (got.status, got.code) == (400, "invalid_config")
    assert "did you mean `strategy`" in got.error["message"]
    assert "did you mean `attempts`" in got.error["message"]


def test_a_strategy_without_targets(gateway):
    got = ask(gateway, config={"strategy": {"mode": "fallback"}}, x_portkey_provider="sandbox")
    assert (got.status, got.code) == (400, "invalid_config")


def test_a_config_of_31_kib_works_and_one_of_33_does_not(gateway, provider):
    config = target(provider, description="x" * 400)
    big = {"strategy": {"mode": "fallback"}, "targets": [config | {"name": f"t{index}"} for index in range(32)]}
    text = json.dumps(big)
    assert len(text) < 32 * 1024
    assert ask(gateway, config=text.ljust(31 * 1024)[:-1] + " ").status == 200
    got = ask(gateway, config="{" + " " * 33 * 1024 + text[1:])
    assert (got.status, got.code) == (431, "headers_too_large")


def test_base64_of_a_config_works(gateway, provider):
    text = json.dumps(target(provider)).encode()
    for encoded in (base64.b64encode(text), base64.urlsafe_b64encode(text).rstrip(b"=")):
        assert ask(gateway, config=encoded.decode()).status == 200


def nested(depth, provider):
    node = target(provider)
    for _ in range(depth - 1):
        node = {"strategy": {"mode": "fallback"}, "targets": [node]}
    return node


def test_limits_of_depth_and_breadth(gateway, provider):
    assert ask(gateway, config=nested(8, provider)).status == 200
    got = ask(gateway, config=nested(9, provider))
    assert (got.status, got.code) == (400, "invalid_config")
    wide = {"strategy": {"mode": "fallback"}, "targets": [{"provider": "sandbox"}] * 33}
    assert ask(gateway, config=wide).code == "invalid_config"
    many = {"strategy": {"mode": "fallback"}, "targets": [wide | {"targets": [{"provider": "sandbox"}] * 32}] * 4}
    got = ask(gateway, config=many)
    assert (got.status, got.code) == (400, "invalid_config")


@pytest.mark.parametrize("weights", [[0, 0], [-1, 2], [True, 1], ["1", 1], [1e308, 1e308], [None, 1]])
def test_weights_that_mean_nothing(gateway, weights):
    config = {
        "strategy": {"mode": "loadbalance"},
        "targets": [{"provider": "sandbox", "weight": weight} for weight in weights],
    }
    got = ask(gateway, config=config)
    assert (got.status, got.code) == (400, "invalid_config")


METADATA = ["[]", "5", "null", "{", "", '{"a": 1}', '{"a": null}', '{"a": {"b": 1}}', '{"a": ["b"]}', '{"a": true}']


@pytest.mark.parametrize("metadata", [*METADATA, r'{"a": "\ud800"}', "NaN", "[" * 20_000, '{"a":' * 5_000, "ada"])
def test_metadata_that_is_no_object_of_texts(gateway, provider, metadata):
    got = ask(gateway, config=target(provider), x_portkey_metadata=metadata)
    assert_refused(got, provider, 400, "invalid_request", "x-portkey-metadata")


HEADERS = {
    "x-portkey-request-timeout": ["", "0", "-1", "abc", "1e3", "600001", "9" * 30, "1.5", "0x10", "+5", "1_000", "5 5"],
    "x-gateway-deadline": ["", "0", "999", "600001", "abc", "1e3", "-5", "1000.5", "9" * 30, "9" * 5000, "true"],
    "x-gateway-explain": ["maybe", "2", "yes", "x" * 500],
    "x-portkey-trace-id": ["x" * 257, "x" * 10_000],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in HEADERS.items() for value in values])
def test_a_header_that_means_nothing(gateway, provider, name, value):
    got = ask(gateway, config=target(provider), **{name: value})
    assert_refused(got, provider, 400, "invalid_request", name)


@pytest.mark.parametrize("trace_id", ["a b", "<script>", "x" * 256, "%0d%0a", "\"';--", "a\tb", "{}", "=?utf-8?q?a?="])
def test_a_trace_id_comes_back_as_it_went(gateway, provider, trace_id):
    got = ask(gateway, config=target(provider), x_portkey_trace_id=trace_id)
    assert (got.status, got.headers["x-portkey-trace-id"]) == (200, trace_id)


def test_a_trace_id_comes_back_with_a_refusal_too(gateway, provider):
    got = ask(gateway, {"prompt": ""}, config=target(provider), x_portkey_trace_id="trace-7")
    assert (got.status, got.headers["x-portkey-trace-id"]) == (400, "trace-7")
    assert len(ask(gateway, b"{", config=target(provider)).headers["x-portkey-trace-id"]) == 32


@pytest.mark.parametrize(
    "names", ["host", "Content-Length", "connection", "x-a, transfer-encoding", "a b", "cookie", '"']
)
def test_a_header_that_is_never_forwarded(gateway, provider, names):
    got = ask(gateway, config=target(provider), x_portkey_forward_headers=names)
    assert (got.status, got.error["param"]) == (400, "x-portkey-forward-headers")
    assert provider.connects == 0


def test_headers_that_are_forwarded(gateway, provider):
    config = target(provider)
    got = ask(gateway, config=config, x_portkey_forward_headers="x-a, X-B,,x-c", x_a="1", x_b="2; 3", x_d="4")
    assert got.status == 200
    headers = provider.seen[0].headers
    assert (headers["x-a"], headers["x-b"]) == ("1", "2; 3")
    assert not {"x-c", "x-d", "x-portkey-config", "x-portkey-forward-headers"} & headers.keys()


@pytest.mark.parametrize("config", ["nope", "x" * 64, "null", "5", "..", "a.b-c_d", "YWJj"])
def test_an_id_that_is_not_stored(gateway, config):
    got = ask(gateway, config=config)
    assert (got.status, got.code, got.error["param"]) == (404, "config_not_found", "x-portkey-config")


@pytest.mark.parametrize(
    ("config", "status", "code"),
    [
        ("../../etc/passwd", 404, "config_not_found"),
        ("x" * 65, 404, "config_not_found"),
        ("a b", 400, "invalid_config"),
        ("sk-proj/+canary", 400, "invalid_config"),
    ],
)
def test_what_cannot_be_an_id_is_not_repeated(gateway, config, status, code):
    got = ask(gateway, config=config)
    assert (got.status, got.code) == (status, code)
    assert config not in got.error["message"]


# --- paths and methods ---


@pytest.mark.parametrize(
    "path",
    ["/nope", "/", "/v1", "/v1/images", ROUTE + "/", "/images/generations/", "/v1/../v1/images/generations", "/livez/"],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_path_that_leads_nowhere(gateway, provider, method, path):
    got = ask(gateway, config=target(provider), method=method, path=path)
    assert_refused(got, provider, 404, "unknown_url")


@pytest.mark.parametrize("path", [ROUTE, "/images/generations", ROUTE + "?a=b", "/v1/%69mages/generations"])
def test_a_path_that_leads_to_the_route(gateway, provider, path):
    assert ask(gateway, config=target(provider), path=path).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "FOO"])
@pytest.mark.parametrize(("path", "allowed"), [(ROUTE, {"POST"}), ("/livez", {"GET", "HEAD"})])
def test_a_method_that_is_not_answered(gateway, provider, method, path, allowed):
    if method in allowed:
        assert ask(gateway, b"", method=method, path=path).status == 200
        return
    got = ask(gateway, config=target(provider), method=method, path=path)
    assert_refused(got, provider, 405, "method_not_allowed")
    assert set(got.headers["allow"].split(", ")) == allowed
    assert all(word in got.error["message"] for word in allowed)


@pytest.mark.parametrize(("path", "status"), [(ROUTE, 405), ("/nope", 404), ("/livez", 200), ("/readyz", 200)])
def test_head_is_answered_without_a_body(gateway, path, status):
    with line_to(gateway) as line:
        line.sendall(f"HEAD {path} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n".encode())
        got = b""
        while part := line.recv(65536):
            got += part
    head, _, body = got.partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert body == b""


@pytest.mark.parametrize("length", ["9" * 25, "9" * 5000, "-1", "1e3", "0x5", "5, 5", "", " "])
def test_a_length_that_is_none(gateway, provider, length):
    with line_to(gateway) as line:
        line.sendall(raw_request(target(provider)).replace(b"Content-Length: 22", f"Content-Length: {length}".encode()))
        got = line.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.split()[1] in {b"400", b"413"}
    assert_envelope(json.loads(body))
    assert provider.connects == 0


def test_answers_are_json_of_the_right_length(gateway, provider):
    for got in (ask(gateway, config=target(provider)), ask(gateway, b"", method="GET", path="/nope")):
        assert isinstance(got, Answer)
        assert got.headers["content-type"] == "application/json"
        assert int(got.headers["content-length"]) == len(got.body)
