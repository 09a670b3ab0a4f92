"""`beamsplitter keys`: on the database itself, beside a server or without one."""

import base64
import json
import re
import shutil
import sqlite3

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.settings import NAMES

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
CONFIG = "provider: sandbox\n"


@pytest.fixture(autouse=True)
def without_settings(monkeypatch, tmp_path):
    for name in NAMES:
        monkeypatch.delenv(f"BEAMSPLITTER_{name.upper()}", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def run(tmp_path):
    def run(*arguments, code=0, data=tmp_path / "data", options=()):
        done = CliRunner().invoke(main, ["keys", "--data", str(data), *options, *arguments], prog_name="beamsplitter")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert done.exit_code == code, done.output
        assert "Traceback" not in done.output
        return done

    return run


def listed(run, *arguments):
    return json.loads(run("list", "--json", *arguments).stdout)


def database(tmp_path):
    return sqlite3.connect(tmp_path / "data" / "beamsplitter.db")


def test_a_key_is_printed_once(run, tmp_path):
    made = run("create", "team a")
    key = made.stdout.strip()
    assert re.fullmatch(r"bs-[A-Za-z0-9_-]{43}", key)
    assert key not in made.stderr
    [row] = listed(run)
    assert (row["name"], row["workspace_id"], row["status"]) == ("team a", "default", "active")
    assert row["scopes"] == ["completions.write", "feedback.write"]
    with database(tmp_path) as connection:
        assert key[3:] not in "\n".join(connection.iterdump())
    connection.close()
    assert key[-4:] in run("list").stdout


def test_a_key_is_made_as_it_is_asked_for(run, tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mine.yaml").write_text(CONFIG)
    words = ["--workspace", "red", "--scope", "logs.view", "--scope", "providers.list", "--description", "d"]
    words += ["--default-config", "mine", "--allow-provider", "stability", "--allow-model", "gpt-image-*"]
    words += ["--credit-limit", "5", "--reset", "weekly", "--expires-at", "2099-01-31"]
    run("create", "x", *words, options=["--configs", str(tmp_path / "configs")])
    [row] = listed(run, "--workspace", "red")
    expected = {
        "workspace_id": "red",
        "scopes": ["logs.view", "virtual_keys.list"],
        "description": "d",
        "defaults": {"config_id": "mine"},
        "allow": {"providers": ["stability-ai"], "models": ["gpt-image-*"]},
        "usage_limits": {"credit_limit": 5.0, "periodic_reset": "weekly"},
        "expires_at": "2099-01-31T00:00:00.000+00:00",
        "created_by": "cli",
    }
    assert {name: row[name] for name in expected} == expected
    assert listed(run, "--workspace", "blue") == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--scope", "configs.crate"], 2, "did you mean `configs.create`"),
        (["--expires-at", "2020-01-01"], 2, "in the future"),
        (["--expires-at", "soon"], 2, "must be a date"),
        (["--credit-limit", "-1"], 2, "amount"),
        (["--credit-limit", "nan"], 2, "amount"),
        (["--allow-provider", "opnai"], 2, "did you mean `openai`"),
        (["--workspace", "a b"], 2, "cannot be the name"),
        (["--default-config", "nobody"], 1, "No config is called 'nobody'"),
        (["--reset", "daily"], 2, "weekly"),
    ],
)
def test_what_cannot_be_is_refused(run, words, code, said):
    assert said in run("create", "x", *words, code=code).stderr
    assert listed(run) == []


def test_a_key_is_rotated_and_revoked(run):
    first = run("create", "x").stdout.strip()
    [row] = listed(run)
    second = run("rotate", row["id"]).stdout.strip()
    assert second != first
    assert listed(run)[0]["key"] == f"bs-***{second[-4:]}"
    assert "30 days" in run("rotate", row["id"], "--until", "2099-01-01", code=2).stderr
    run("revoke", row["id"])
    assert listed(run) == []
    for words in (["revoke", row["id"]], ["rotate", row["id"]], ["revoke", "nobody"], ["revoke", "a'b"]):
        assert "No key has the id" in run(*words, code=1).stderr


def test_the_master_key_is_replaced(run, tmp_path):
    run("create", "x", options=["--master-key", OLD])
    both = ["--master-key", f"{NEW},{OLD}"]
    assert "meta: 1 sealed anew" in run("rewrap", options=both).stdout
    assert "meta: 0 sealed anew" in run("rewrap", options=both).stdout
    assert [row["name"] for row in json.loads(run("list", "--json", options=["--master-key", NEW]).stdout)] == ["x"]
    refused = run("list", options=["--master-key", OLD], code=69).stderr
    assert "another master key" in refused
    assert len(refused.splitlines()) == 1


@pytest.mark.parametrize("key", ["short", "change-me", "0" * 63])
def test_what_is_no_master_key_is_told(run, key):
    refused = run("list", options=["--master-key", key], code=69).stderr
    assert "openssl rand" in refused
    assert key not in refused.replace("openssl rand", "")


def test_a_database_that_cannot_be_had_is_told(run, tmp_path):
    refused = run("list", options=["--store", "postgresql://u:secret-not-real@127.0.0.1:1/x"], code=69).stderr
    assert "127.0.0.1" in refused
    assert "secret-not-real" not in refused
    (tmp_path / "file").write_text("")
    assert "file" in run("list", data=tmp_path / "file", code=69).stderr


def test_a_schema_of_a_later_version_is_left_alone(run, tmp_path):
    run("create", "x")
    with database(tmp_path) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
    connection.close()
    assert "of a later version" in run("create", "y", code=69).stderr


def test_the_gateway_file_says_where_the_database_is(run, tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mine.yaml").write_text(CONFIG)
    (tmp_path / "configs" / "gateway.yaml").write_text(f"server: {{data: {tmp_path / 'elsewhere'}}}\n")
    done = CliRunner().invoke(main, ["keys", "--configs", str(tmp_path / "configs"), "create", "x"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "elsewhere" / "beamsplitter.db").exists()
    (tmp_path / "configs" / "gateway.yaml").write_text("server: {dta: x}\n")
    done = CliRunner().invoke(main, ["keys", "--configs", str(tmp_path / "configs"), "create", "x"])
    assert (done.exit_code, "has problems" in done.output) == (2, True)
    assert not (tmp_path / "state").exists()
    shutil.rmtree(tmp_path / "configs")
    done = CliRunner().invoke(main, ["keys", "--configs", str(tmp_path / "configs"), "create", "x"])
    assert done.exit_code == 2
