"""Gateways on PostgreSQL: they start together, are told apart from those that may not, and keep what they are told."""

import asyncio
import contextlib
import itertools
import subprocess
import sys

import asyncpg
import pytest

from tests.end_to_end.provider import within
from tests.running import ROOT
from tests.services.machines import Machine, ask
from tests.services.postgres import postgres_server
from tests.services.redis import free_port

ADMIN = "admin-key-that-is-not-real"
ONE, TWO = "ab" * 32, "cd" * 32
_names = itertools.count()


@pytest.fixture(scope="module")
def server():
    with postgres_server() as running:
        yield running


def said(server, *statements, url=None):
    """Return what a statement brings, the last of several."""

    async def run():
        connection = await asyncpg.connect(url or server.url)
        try:
            for statement in statements:
                found = await connection.fetch(statement)
            return [tuple(row) for row in found]
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.fixture
def store(server):
    """Return the URL of an empty database."""
    name = f"store{next(_names)}"
    said(server, f"CREATE DATABASE {name}")
    return server.url.rpartition("/")[0] + f"/{name}"


@pytest.fixture
def configs(tmp_path):
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "declared.yaml").write_text("provider: sandbox\n")
    return folder


@pytest.fixture
def machines(tmp_path, configs):
    """Return what makes a gateway that is not started yet."""
    with contextlib.ExitStack() as open_:

        def make(store, *arguments, master=ONE):
            data = tmp_path / f"data{next(_names)}"
            sealed = ("--store", store, "--admin-key", ADMIN, "--master-key", master)
            machine = Machine(configs, data, *sealed, *arguments)
            open_.callback(machine.stop)
            return machine

        yield make


def refused(tmp_path, configs, *arguments):
    """Return how a gateway ends that does not start: its exit code, and what it says."""
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", "--configs", str(configs)]
    command += ["--data", str(tmp_path / "data"), *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    *_, last = ended.stderr.splitlines()
    return ended.returncode, last


def test_gateways_that_start_at_once_on_an_empty_database_make_it_once(store, machines):
    started = [machines(store, "--workers", "2") for _ in range(2)]
    first = started[0].starting()
    started[1].start()
    first()
    for machine in started:
        assert ask(machine, "GET", "/readyz").json["store"] == "open"
    assert said(None, "SELECT value FROM meta WHERE name IN ('schema', 'revision') ORDER BY name DESC", url=store) == [
        ("1",),
        ("0",),
    ]


def test_a_newer_schema_stops_the_start(server, store, tmp_path, configs, machines):
    machine = machines(store).start()
    machine.stop()
    said(server, "UPDATE meta SET value = '99' WHERE name = 'schema' RETURNING value", url=store)
    code, words = refused(tmp_path, configs, "--store", store, "--master-key", ONE)
    assert code == 69
    assert "its schema is 99, of a later version of Beamsplitter" in words


def test_a_wrong_master_key_stops_the_start(store, tmp_path, configs, machines):
    machines(store).start().stop()
    code, words = refused(tmp_path, configs, "--store", store, "--master-key", TWO)
    assert code == 69
    assert "another master key" in words
    assert ONE not in words
    assert TWO not in words


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://gateway:secret-not-real@127.0.0.1:{closed}/postgres",
        "postgresql://gateway:secret-not-real@127.0.0.1:{port}/absent",
    ],
    ids=["nobody listens", "no such database"],
)
def test_a_database_that_cannot_be_reached_stops_the_start(server, tmp_path, configs, url):
    url = url.format(closed=free_port(), port=server.port)
    code, words = refused(tmp_path, configs, "--store", url, "--master-key", ONE)
    assert code == 69
    assert words.startswith("The database cannot be used: postgresql")
    assert "secret-not-real" not in words


def test_what_the_control_plane_keeps_outlives_gateway_and_server(server, store, machines):
    machine = machines(store).start()

    def control(method, path, body=None, status=200):
        answer = ask(machine, method, path, body, x_portkey_api_key=ADMIN)
        assert answer.status == status, answer.body
        return answer.json

    control("POST", "/v1/virtual-keys", {"name": "Box", "slug": "box", "provider": "openai", "key": "sk-not-real"})
    config = control("POST", "/v1/configs", {"name": "Mine", "slug": "mine", "config": {"provider": "sandbox"}})
    changed = control("PUT", "/v1/configs/mine", {"name": "Yours"})
    assert changed["version_id"] != config["version_id"]
    control("POST", "/v1/api-keys/workspace/service", {"name": "other"})
    key = control("POST", "/v1/api-keys/workspace/service", {"name": "app"})
    control("POST", "/v1/configs", {"name": "Gone", "slug": "gone", "config": {"provider": "sandbox"}})
    control("DELETE", "/v1/configs/gone")
    made = ask(machine, body={"prompt": "o"}, x_portkey_config="mine", x_portkey_api_key=key["key"])
    assert made.status == 200

    machine.kill()
    server.kill()
    server.start()
    machine.start()

    assert control("GET", "/v1/configs/mine")["name"] == "Yours"
    assert [each["slug"] for each in control("GET", "/v1/configs")["data"]] == ["mine"]
    assert control("GET", "/v1/configs/gone", status=404)["error"]["code"]
    assert control("GET", "/v1/virtual-keys/box")["key"] != "sk-not-real"
    assert ask(machine, body={"prompt": "o"}, x_portkey_config="mine", x_portkey_api_key=key["key"]).status == 200
    control("PUT", f"/v1/api-keys/{key['id']}", {"name": "renamed"})
    control("DELETE", f"/v1/api-keys/{key['id']}")
    again = {"body": {"prompt": "o"}, "x_portkey_config": "mine", "x_portkey_api_key": key["key"]}
    assert within(3, lambda: ask(machine, **again).status == 401)
    assert within(5, lambda: control("GET", "/v1/logs")["total"] >= 2)
    sealed = said(server, "SELECT row_to_json(v)::text FROM virtual_keys AS v", url=store)
    assert "sk-not-real" not in str(sealed)
