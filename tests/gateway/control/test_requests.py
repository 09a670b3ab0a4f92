"""Requests as they come: bodies that are none, a database that is not there, methods that are not served."""

import contextlib

import pytest

from gateway.http.control.operator import OPERATOR
from gateway.store.database import StoreLost
from tests.gateway.control.stage import ADMIN, SANDBOX

WRITES = [
    ("POST", "/v1/configs"),
    ("PUT", "/v1/configs/x"),
    ("POST", "/v1/virtual-keys"),
    ("PUT", "/v1/virtual-keys/x"),
    ("POST", "/v1/api-keys"),
    ("POST", "/v1/api-keys/workspace/service"),
    ("PUT", "/v1/api-keys/x"),
    ("POST", "/v1/api-keys/x/rotate"),
    ("POST", "/v1/feedback"),
    ("PUT", "/v1/feedback/x"),
]
READS = [
    ("GET", "/v1/configs"),
    ("GET", "/v1/configs/x"),
    ("DELETE", "/v1/configs/x"),
    ("GET", "/v1/virtual-keys"),
    ("GET", "/v1/api-keys"),
    ("DELETE", "/v1/api-keys/x"),
]


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"\xff", 400, "invalid_json"),
        (b'{"name": NaN}', 400, "invalid_json"),
        (b'{"name": 1e999}', 400, "invalid_json"),
        (b'{"name": "\\ud800"}', 400, "invalid_json"),
        (b'{"name": "a\\u0000b"}', 400, "invalid_json"),
        (b'{"a\\u0000b": 1}', 400, "invalid_json"),
        (b'{"name": 99999999999999999999}', 400, "invalid_json"),
        (b'{"name": ' + b"9" * 5000 + b"}", 400, "invalid_json"),
        (b'{"name": ' + b"[" * 70 + b"]" * 70 + b"}", 400, "invalid_json"),
        (b"[" * 100_000, 400, "invalid_json"),
        (b'{"name": "a", "name": "b"}', 400, "invalid_config"),
        (b'"text"', 400, "invalid_json"),
        (b"null", 400, "invalid_json"),
        (b"x" * ((1 << 20) + 1), 413, "body_too_large"),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, bytes) else None,
)
async def test_a_body_that_is_none_is_refused(stage, raw, status, code):
    for method, path in WRITES:
        refused = await stage.ask(method, path, raw=raw)
        assert (refused.status, refused.error["code"]) == (status, code), (method, path)


async def test_only_json_is_read(stage):
    for method, path in WRITES:
        refused = await stage.ask(method, path, raw=b"name=x", kind="text/plain")
        assert (refused.status, refused.error["code"]) == (415, "unsupported_encoding"), (method, path)


async def test_without_a_database_it_is_said_how_to_have_one(stage):
    stage.planes = False
    for method, path in WRITES + READS:
        refused = await stage.ask(method, path, {})
        assert (refused.status, refused.error["code"]) == (503, "store_unavailable"), (method, path)
        assert "--data DIR or --store URL" in refused.error["message"]


BODIES = {
    "/v1/configs": {"name": "x", "config": SANDBOX},
    "/v1/virtual-keys": {"name": "x", "provider": "openai", "key": "not-real"},
    "/v1/feedback": {"trace_id": "t", "value": 1},
    "/v1/feedback/x": {"value": 1},
}


async def test_a_database_that_is_lost_is_told_without_its_words(stage):
    @contextlib.asynccontextmanager
    async def lost():
        raise StoreLost("postgresql://db.internal/x: connection refused")
        yield

    stage.database.read = stage.database.write = lost
    for method, path in WRITES + READS:
        refused = await stage.ask(method, path, BODIES.get(path, {"name": "x"} if "rotate" not in path else {}))
        assert (refused.status, refused.error["code"]) == (503, "store_unavailable"), (method, path)
        assert refused.headers["retry-after"] == "2"
        assert "db.internal" not in refused.text
    assert stage.changes == 0


async def test_other_methods_say_which_are_served(stage):
    refused = await stage.ask("PATCH", "/v1/configs/x")
    assert (refused.status, set(refused.headers["allow"].split(", "))) == (405, {"GET", "HEAD", "PUT", "DELETE"})


async def test_a_caller_that_leaves_changes_nothing(stage):
    async def receive():
        return {"type": "http.disconnect"}

    async def send(_):
        pass

    scope = {"type": "http", "method": "POST", "path": "/v1/configs", "root_path": "", "query_string": b""}
    await stage.app({**scope, "headers": [], OPERATOR: ADMIN}, receive, send)
    assert stage.changes == 0
