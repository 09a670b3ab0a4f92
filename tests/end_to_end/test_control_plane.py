"""What is made at the control plane is used by every worker within a second, and by nobody else's key."""

import contextlib
import http.client
import json
import signal
import time

import pytest

from tests.end_to_end.caller import ask
from tests.end_to_end.provider import Provider
from tests.end_to_end.workers import line_to_each_worker
from tests.running import serving

ADMIN = "admin-key-that-is-not-real"
PAINTED = {"provider": "openai", "api_key": "test-declared-not-real", "override_params": {"model": "good"}}
_LATEST = 3.0
"""Seconds: what is promised is one, on a machine that runs other tests beside this one."""


@pytest.fixture(scope="module")
def painter():
    with Provider() as provider:
        yield provider


@pytest.fixture
def provider(painter):
    painter.forget()
    return painter


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, painter):
    folder = tmp_path_factory.mktemp("control")
    trusted = painter.url.removeprefix("http://")
    declared = {**PAINTED, "custom_host": f"{painter.url}/v1"}
    (folder / "declared.yaml").write_text(json.dumps(declared))
    # A key from the start: until a worker hears of the first one, it would take anybody's request as nobody's.
    (folder / "gateway.yaml").write_text("api_keys: [{name: first, key: key-of-first-not-real}]")
    arguments = ("--workers", "2", "--admin-key", ADMIN, "--trusted-hosts", trusted)
    with serving(folder, *arguments) as running:
        yield running


def call(gateway, method, path, body=None, key=ADMIN):
    with contextlib.closing(http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=10)) as connection:
        headers = {"x-portkey-api-key": key, "content-type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def made(gateway, path, body, key=ADMIN):
    status, told = call(gateway, "POST", path, body, key)
    assert status == 200, told
    return told


def key_for(gateway, workspace, **more):
    body = {"name": f"app of {workspace}", "workspace_id": workspace, **more}
    return made(gateway, "/v1/api-keys/workspace/service", body)


def each_worker(gateway, key, config, expected, **headers):
    """Ask until all workers answer as expected."""
    until(gateway, expected, config=config, **{"x-portkey-api-key": key}, **headers)


def known_to_all(gateway, key):
    """Wait until all workers know a key; that costs none of what it may spend."""
    until(gateway, 200, b"", method="GET", path="/v1/models", **{"x-portkey-api-key": key})


def until(gateway, expected, *asked, **how):
    port, began = int(gateway.url.rpartition(":")[2]), time.monotonic()
    while True:
        with line_to_each_worker(gateway.process.pid, port) as lines:
            answers = [ask(gateway, *asked, line=line, **how) for line in lines.values()]
        if {answer.status if answer.status == 200 else answer.code for answer in answers} == {expected}:
            return
        assert time.monotonic() - began < _LATEST, [answer.body for answer in answers]


def test_a_config_is_used_by_its_id_and_a_change_is_live_within_a_second(gateway, provider):
    key = key_for(gateway, "one")["key"]
    host = f"{provider.url}/v1"
    made(
        gateway,
        "/v1/virtual-keys",
        {"name": "Painter", "slug": "painter", "provider": "openai", "key": "test-stored-not-real", "custom_host": host}
        | {"workspace_id": "one"},
    )
    document = {"virtual_key": "painter", "override_params": {"model": "good"}}
    config = made(gateway, "/v1/configs", {"name": "Mine", "slug": "mine", "config": document, "workspace_id": "one"})
    assert config["slug"] == "mine"
    each_worker(gateway, key, "mine", 200)
    assert config["id"] != "mine"
    each_worker(gateway, key, config["id"], 200)
    assert {seen.key for seen in provider.seen} == {"test-stored-not-real"}
    document["override_params"]["model"] = "status:500"
    assert call(gateway, "PUT", "/v1/configs/mine", {"config": document})[0] == 200
    each_worker(gateway, key, "mine", "upstream_error")
    assert call(gateway, "DELETE", "/v1/configs/mine")[0] == 200
    each_worker(gateway, key, "mine", "config_not_found")
    each_worker(gateway, key, config["id"], "config_not_found")


def test_case_15_another_tenants_config_is_as_good_as_none(gateway, provider):
    mine, yours = key_for(gateway, "two")["key"], key_for(gateway, "three")["key"]
    made(
        gateway,
        "/v1/configs",
        {
            "name": "c",
            "slug": "theirs",
            "config": PAINTED | {"custom_host": f"{provider.url}/v1"},
            "workspace_id": "two",
        },
    )
    each_worker(gateway, mine, "theirs", 200)
    foreign = ask(gateway, config="theirs", **{"x-portkey-api-key": yours})
    missing = ask(gateway, config="absent", **{"x-portkey-api-key": yours})
    assert (foreign.status, foreign.code) == (404, "config_not_found")
    assert foreign.body.replace(b"theirs", b"absent") == missing.body


def test_case_11_a_revoked_key_is_as_good_as_unknown(gateway):
    created = key_for(gateway, "four")
    each_worker(gateway, created["key"], "declared", 200)
    assert call(gateway, "DELETE", f"/v1/api-keys/{created['id']}")[0] == 200
    each_worker(gateway, created["key"], "declared", "invalid_api_key")
    known = ask(gateway, config="declared", **{"x-portkey-api-key": created["key"]})
    unknown = ask(gateway, config="declared", **{"x-portkey-api-key": "bs-never-made-not-real-" + "x" * 24})
    assert known.body == unknown.body


def test_a_rotated_key_ends_at_once_or_when_it_is_said(gateway):
    created = key_for(gateway, "five")
    each_worker(gateway, created["key"], "declared", 200)
    soon = {"key_transition_expires_at": time.time() + 3600}  # noqa: TID251
    later = made(gateway, f"/v1/api-keys/{created['id']}/rotate", soon)
    for key in (created["key"], later["key"]):
        each_worker(gateway, key, "declared", 200)
    latest = made(gateway, f"/v1/api-keys/{created['id']}/rotate", {})
    each_worker(gateway, latest["key"], "declared", 200)
    for key in (created["key"], later["key"]):
        each_worker(gateway, key, "declared", "invalid_api_key")


def test_a_key_has_its_defaults_and_its_limits(gateway):
    made(
        gateway, "/v1/configs", {"name": "c", "slug": "usual", "config": {"provider": "sandbox"}, "workspace_id": "six"}
    )
    created = key_for(
        gateway,
        "six",
        defaults={"config_id": "usual"},
        allow={"providers": ["sandbox"]},
        usage_limits={"image_limit": 1},
    )
    key = {"x-portkey-api-key": created["key"]}
    known_to_all(gateway, created["key"])
    assert ask(gateway, **key).status == 200
    assert ask(gateway, **key).code == "budget_exceeded"
    refused = ask(gateway, config={"provider": "openai", "api_key": "test-not-real"}, **key)
    assert (refused.status, refused.code) == (403, "not_allowed")
    status, told = call(gateway, "GET", f"/v1/api-keys/{created['id']}")
    assert status == 200
    assert created["key"] not in json.dumps(told)


def test_nothing_of_the_control_plane_is_open(gateway):
    for path in ("/v1/configs", "/v1/virtual-keys", "/v1/api-keys", "/v1/logs", "/v1/analytics/summary", "/configs"):
        assert call(gateway, "GET", path, key="nobody")[0] == 401
    plain = key_for(gateway, "seven")["key"]
    known_to_all(gateway, plain)
    for path in ("/v1/configs", "/v1/virtual-keys", "/v1/api-keys", "/v1/logs"):
        status, told = call(gateway, "GET", path, key=plain)
        assert (status, told["error"]["code"]) == (403, "not_allowed")


def test_requests_are_in_the_log_with_their_cost(gateway, provider):
    key = key_for(gateway, "eight")
    each_worker(gateway, key["key"], "declared", 200)
    began = time.monotonic()
    while call(gateway, "GET", "/v1/logs?workspace_id=eight")[1]["total"] < 2:
        assert time.monotonic() - began < 5
        time.sleep(0.1)
    row = call(gateway, "GET", "/v1/logs?workspace_id=eight&page_size=1")[1]["data"][0]
    status, told = call(gateway, "GET", f"/v1/logs/{row['id']}")
    assert status == 200
    assert json.dumps(told).count(key["id"]) >= 1


def test_what_is_stored_is_there_after_a_restart_and_its_secrets_are_nowhere_in_clear(tmp_path, painter):
    data, folder = tmp_path / "data", tmp_path / "configs"
    folder.mkdir()
    arguments = ("--data", str(data), "--admin-key", ADMIN, "--trusted-hosts", painter.url.removeprefix("http://"))
    secret = "test-secret-at-rest-not-real"  # noqa: S105 - it says that it is none
    with serving(folder, *arguments) as running:
        key = key_for(running, "default")["key"]
        made(
            running,
            "/v1/virtual-keys",
            {"name": "v", "slug": "v", "provider": "openai", "key": secret, "custom_host": f"{painter.url}/v1"},
        )
        running.stop(signal.SIGKILL)
    written = b"".join(place.read_bytes() for place in data.rglob("*") if place.is_file())
    assert secret.encode() not in written
    assert key.encode() not in written
    painter.forget()
    with serving(folder, *arguments) as running:
        config = {"virtual_key": "v", "override_params": {"model": "good"}}
        assert ask(running, config=config, **{"x-portkey-api-key": key}).status == 200
    assert painter.seen[0].key == secret


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--master-key", "QUJD"), "expected 32 bytes as base64 or hex"),
        (("--store", "mysql://x/y"), "mysql is not a database that is spoken here"),
        (("--store", "postgresql://nobody@127.0.0.1:1/x"), "127.0.0.1:1"),
    ],
    ids=["a key that is none", "another database", "nobody there"],
)
def test_a_database_that_cannot_be_used_stops_the_start(tmp_path, arguments, words):
    with pytest.raises(AssertionError, match="did not start") as failed, serving(tmp_path, *arguments):
        pass
    assert words in str(failed.value)
    assert "The database cannot be used: " in str(failed.value)


def test_another_master_key_stops_the_start(tmp_path):
    first, second = "31" * 32, "32" * 32
    data = ("--data", str(tmp_path / "data"))
    with serving(tmp_path, *data, "--master-key", first):
        pass
    with (
        pytest.raises(AssertionError, match="sealed with another master key"),
        serving(tmp_path, *data, "--master-key", second),
    ):
        pass
    with serving(tmp_path, *data, "--master-key", f"{second},{first}"):
        pass


def test_a_stored_credential_never_goes_to_a_host_that_a_caller_names(gateway, provider):
    key = key_for(gateway, "nine")["key"]
    document = {"provider": "openai", "api_key": "test-inside-a-config-not-real"}
    made(gateway, "/v1/configs", {"name": "c", "slug": "sealed", "config": document, "workspace_id": "nine"})
    elsewhere = {"x-portkey-custom-host": "https://elsewhere.example/v1"}
    each_worker(gateway, key, "sealed", "custom_host_blocked", **elsewhere)
    assert "not-real" not in json.dumps(call(gateway, "GET", "/v1/configs/sealed"))
