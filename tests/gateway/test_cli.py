"""The commands, as a stranger meets them: what they say, and the exit codes that scripts rely on."""

import http.client
import json
import logging
import re
import shutil
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

from gateway.cli import console as console_module
from gateway.cli import main
from gateway.settings import NAMES
from gateway.transport import Transport
from tests.running import ROOT, serving

KEY = "test-openai-key-not-real"
EXAMPLES = ROOT / "examples" / "configs"
COMMANDS = main.list_commands(None)
OTTER = '{"prompt": "an otter"}'

GATEWAY = """\
virtual_keys:
  openai-prod: {provider: openai, api_key: "${OPENAI_API_KEY}"}
"""
GOOD = """\
description: the first, or the second
strategy: {mode: fallback}
targets:
  - {name: first, virtual_key: openai-prod, override_params: {model: gpt-image-2}}
  - {name: second, provider: sandbox, override_params: {model: sandbox}}
"""
BAD = """\
provider: sandbox
retry: {attempts: 9, wait: 1}
retyr: 2
"""


@pytest.fixture(autouse=True)
def without_settings(monkeypatch, tmp_path):
    for name in NAMES:
        monkeypatch.delenv(f"BEAMSPLITTER_{name.upper()}", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(autouse=True)
def log_level():
    """Put back what `serve` sets."""
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "gateway.yaml").write_text(GATEWAY)
    (folder / "good.yaml").write_text(GOOD)
    return folder


@pytest.fixture
def bad(folder):
    (folder / "bad.yaml").write_text(BAD)
    return folder / "bad.yaml"


def run(*arguments, **environ):
    done = CliRunner().invoke(main, [str(argument) for argument in arguments], env=environ, prog_name="beamsplitter")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.output
    assert "\x1b" not in done.output
    assert KEY not in done.output
    return done


def said(*arguments, code, **environ):
    done = run(*arguments, **environ)
    assert done.exit_code == code, done.output
    return done.output


class TestHelp:
    def test_of_the_whole(self):
        text = said("--help", code=0)
        assert "beamsplitter init configs" in text
        for name in COMMANDS:
            assert re.search(rf"(?m)^  {name} +[A-Z].*\.$", text), f"{name} needs a whole sentence"

    @pytest.mark.parametrize("name", COMMANDS)
    def test_of_each_command(self, name):
        text = " ".join(said(name, "-h", code=0).split())
        assert f"Usage: beamsplitter {name}" in text
        assert "Exits with 0" in text

    def test_of_serve_names_every_setting(self):
        text = said("serve", "--help", code=0)
        assert [name for name in NAMES if f"--{name.replace('_', '-')} " not in text] == []

    def test_without_a_command(self):
        assert "Commands:" in said(code=2)

    def test_of_a_command_that_is_not(self):
        assert "No such command 'chekc'" in said("chekc", code=2)


class TestVersion:
    def test_of_what_is_installed(self):
        lines = said("version", code=0).splitlines()
        assert [line.split()[0] for line in lines] == ["beamsplitter", "python", "starlette", "hypercorn", "aiohttp"]
        assert said("--version", code=0).strip() == lines[0]

    def test_of_what_is_not(self, monkeypatch):
        monkeypatch.setattr("importlib.metadata.version", missing)
        assert said("version", code=0).startswith("beamsplitter (not installed")

    def test_as_a_module(self):
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith("beamsplitter ")


def missing(name):
    from importlib import metadata  # noqa: PLC0415 - patched above

    raise metadata.PackageNotFoundError(name)


class TestCheck:
    def test_of_a_good_folder(self, folder):
        told = f"{folder}/good.yaml: at worst 2 attempts, 180 s, $0.211.\n2 files: no problems.\n"
        assert said("check", folder, code=0) == told

    def test_of_a_file_that_uses_its_neighbours_key(self, folder):
        assert said("check", folder / "good.yaml", code=0).endswith("1 file: no problems.\n")

    def test_tells_every_problem_and_where(self, bad):
        lines = said("check", bad.parent, code=1).splitlines()
        found = [line for line in lines if line.startswith("error: ")]
        assert [line.partition(": $")[0] for line in found] == [f"error: {bad}:{at}" for at in ("2:9", "2:22", "3:1")]
        assert "$.retry.attempts: `attempts` must be a whole number from 0 to 5, not 9. [invalid_config]" in found[0]
        assert "did you mean `retry`?" in found[2]
        assert lines[1:3] == ["     2 | retry: {attempts: 9, wait: 1}", "       |         ^"]
        assert lines[-1] == "3 files: 3 errors."

    def test_shows_no_line_that_may_hold_a_secret(self, folder):
        (folder / "leaky.yaml").write_text("provider: openai\napi_key: [sk-not-real-0123456789]\n")
        text = said("check", folder / "leaky.yaml", code=1)
        assert "leaky.yaml:2:1: $.api_key" in text
        assert "sk-not-real" not in text
        one_line = "{provider: openai, api_key: sk-not-real-0123456789, override_params: {model: no-such}, retyr: 1}\n"
        for written in (one_line, one_line.replace(", retyr: 1", "")):
            (folder / "leaky.yaml").write_text(written)
            assert "sk-not-real" not in said("check", folder / "leaky.yaml", code=1)

    def test_a_line_that_is_not_for_a_terminal_stays_harmless(self, folder):
        (folder / "odd.yaml").write_text('provider: sandbox\nretyr: {a: "[bold]x \x85"}\n')
        assert "[bold]x" in said("check", folder / "odd.yaml", code=1)

    def test_a_test_that_fails_shows_the_way_it_took(self, folder):
        case = "- {name: it falls, given: {first: [503]}, expect: {target: first, attempts: 1}}"
        (folder / "good.yaml").write_text(f"{GOOD}tests:\n  {case}\n")
        lines = said("check", folder / "good.yaml", code=1).splitlines()
        failed = "the test 'it falls' failed: target: expected first, got second; attempts: expected 1, got 2."
        assert lines[0] == f"error: {folder}/good.yaml:7:5: $.tests[0]: {failed} [test-failed]"
        assert [line.strip("│├└─ ") for line in lines if "second" in line or "first " in line][1:] == [
            "first openai gpt-image-2: provider_error (503)",
            "second sandbox sandbox: answered",
        ]
        assert lines[-2:] == [
            f"{folder}/good.yaml: at worst 2 attempts, 180 s, $0.211; 0 of 1 test passed.",
            "1 file: 1 error; 1 test run.",
        ]

    def test_what_is_only_worth_knowing_is_no_problem(self, folder):
        (folder / "good.yaml").write_text("provider: sandbox\noverride_params: {model: no-such-model}\n")
        text = said("check", folder / "good.yaml", code=0)
        assert text.startswith("notice: ")
        assert text.endswith("1 file: 1 notice.\n")

    def test_tells_of_the_named_file_alone(self, bad):
        assert said("check", bad.parent / "good.yaml", code=0).endswith("1 file: no problems.\n")
        assert said("check", bad, code=1).endswith("1 file: 3 errors.\n")

    def test_counts_what_is_named_twice_once(self, bad):
        assert said("check", bad.parent, bad, bad.parent, code=1).endswith("3 files: 3 errors.\n")

    def test_of_a_variable_that_is_not_set(self, folder, monkeypatch):
        monkeypatch.delenv("OPENAI_API_KEY")
        text = said("check", folder, code=1)
        assert (
            f"{folder}/gateway.yaml:2:35: $.virtual_keys.openai-prod.api_key: "
            "the environment variable `OPENAI_API_KEY` is not set"
        ) in text
        assert f"{folder}/gateway.yaml" in said("check", folder / "good.yaml", code=1)

    @pytest.mark.parametrize("content", ["server: [", "- 1"], ids=["not YAML", "not an object"])
    def test_of_a_file_beside_a_gateway_file_that_cannot_be_read(self, folder, content):
        (folder / "gateway.yaml").write_text(content)
        text = said("check", folder / "good.yaml", code=1)
        assert f"{folder}/gateway.yaml:1:" in text
        assert text.endswith("1 file: 1 error.\n")

    def test_of_a_file_without_a_gateway_file(self, tmp_path):
        (tmp_path / "lone.yaml").write_text("provider: sandbox")
        assert said("check", tmp_path / "lone.yaml", code=0).endswith("1 file: no problems.\n")

    @pytest.mark.parametrize("name", ["draft.yaml.new", ".draft.yaml", "draft.txt"])
    def test_of_a_file_that_a_folder_would_not_serve(self, folder, name):
        (folder / name).write_text(f"{BAD}id: draft\n")
        assert said("check", folder / name, code=1).endswith("1 file: 3 errors.\n")

    def test_of_the_gateway_file(self, folder):
        (folder / "gateway.yaml").write_text("default_config: godo\nserver: {port: x}")
        text = said("check", folder / "gateway.yaml", code=1)
        assert "server.port in gateway.yaml: expected a whole number, got 'x'." in text

    def test_as_json(self, bad):
        rows = json.loads(said("check", bad, "--format", "json", code=1))
        assert [(row["file"], row["line"], row["column"], row["path"]) for row in rows] == [
            (str(bad), 2, 9, "$.retry.attempts"),
            (str(bad), 2, 22, "$.retry.wait"),
            (str(bad), 3, 1, "$.retyr"),
        ]
        assert all(row.keys() == {"file", "line", "column", "path", "severity", "code", "message"} for row in rows)
        assert {(row["severity"], row["code"]) for row in rows} == {("error", "invalid_config")}
        assert json.loads(said("check", bad.parent / "good.yaml", "--format", "json", code=0)) == []

    def test_as_annotations(self, bad):
        odd = bad.with_name("50%, or so.yaml")
        odd.write_text(f"{BAD}id: odd\n")
        lines = said("check", odd, "--format", "github", code=1).splitlines()
        assert lines[0].startswith(
            f"::error file={bad.parent}/50%25%2C or so.yaml,line=2,col=9,title=invalid_config::$.retry.attempts: "
        )
        assert [line for line in lines[:-1] if not re.fullmatch(r"::error [^:]+::.+", line)] == []
        assert lines[-1] == "1 file: 3 errors."
        assert said("check", bad.parent / "good.yaml", "--format", "github", code=0) == "1 file: no problems.\n"

    def test_of_nothing(self, tmp_path):
        assert "Missing argument 'PATH...'" in said("check", code=2)
        assert "nope does not exist; name a folder of configs" in said("check", tmp_path / "nope", code=2)
        assert "holds no configs" in said("check", tmp_path, code=2)
        assert "'xml' is not one of" in said("check", tmp_path, "--format", "xml", code=2)


class TestExplain:
    @pytest.fixture(autouse=True)
    def no_network(self, monkeypatch):
        def refuse(*_, **__):
            raise AssertionError("explain opened a socket")

        monkeypatch.setattr(socket, "socket", refuse)
        monkeypatch.setattr(Transport, "open", refuse)

    def test_as_text(self, folder):
        text = said("explain", folder / "good.yaml", "--request", OTTER, code=0)
        assert text.splitlines()[0].endswith(") the first, or the second")
        assert (
            'POST https://api.openai.com/v1/images/generations {"prompt":"an otter","model":"gpt-image-2"}\n' in text
        ), "long lines stay whole where nobody watches"
        assert "At worst: 2 attempts, 180 s, cost " in text

    def test_as_json(self, folder):
        story = json.loads(said("explain", folder / "good.yaml", "--request", OTTER, "--format", "json", code=0))
        first, second = story["tree"]["children"]
        assert first["send"]["headers"]["authorization"] == "***"
        assert (second["name"], second["reachable"]) == ("second", True)

    @pytest.mark.parametrize("target", ["first", "config.targets[0]"], ids=["by name", "by path"])
    def test_what_if(self, folder, target):
        text = said("explain", folder / "good.yaml", "--request", OTTER, "--assume", f"{target}=200", code=0)
        assert "assumed to answer 200" in text
        assert "second: not reached, first answers before it" in text

    def test_what_if_more_than_one(self, folder):
        text = said("explain", folder / "good.yaml", "--request", OTTER, "--assume", "first=503, second=500", code=0)
        assert [line.split()[-1] for line in text.splitlines() if "assumed" in line] == ["503", "500"]

    @pytest.mark.parametrize(
        ("assume", "expected"),
        [
            ("frist=503", "`frist=503`: no target of this config is called that; did you mean `first`?"),
            ("nobody=503", "Its targets are called `config.targets[0]`, `config.targets[1]`, `first` and `second`."),
            ("first", "--assume: `first` is no TARGET=ANSWER, such as primary=429 or primary=timeout."),
            ("first=", "Write a status from 200 to 599, or one of"),
            ("first=²", "Write a status from 200 to 599, or one of"),
            ("first=700", "Write a status from 200 to 599"),
            ("first=100", "Write a status from 200 to 599"),
            ("first=timeuot", "did you mean `timeout`?"),
        ],
    )
    def test_what_if_misspelt(self, folder, assume, expected):
        assert expected in said("explain", folder / "good.yaml", "--request", OTTER, "--assume", assume, code=2)

    def test_metadata(self):
        arguments = ("explain", EXAMPLES / "by-plan.yaml", "--request", OTTER)
        environ = {"AZURE_OPENAI_API_KEY": KEY}
        text = said(*arguments, "--metadata", '{"plan": "pro"}', code=0, **environ)
        assert 'if {"metadata.plan":{"$in":["pro","enterprise"]}} then high: holds' in text
        assert "standard: not reached, the conditions chose another target" in text
        text = said(*arguments, code=0, **environ)
        assert "then high: does not hold" in text

    def test_shares(self):
        environ = {"AZURE_OPENAI_API_KEY": KEY}
        text = said("explain", EXAMPLES / "canary.yaml", "--request", OTTER, code=0, **environ)
        assert "stable sandbox sandbox (95.0%)" in text
        assert "canary sandbox sandbox (5.0%)" in text

    def test_a_request_from_a_file(self, folder, tmp_path):
        (tmp_path / "otter.json").write_text(OTTER)
        text = said("explain", folder / "good.yaml", "--request", f"@{tmp_path}/otter.json", code=0)
        assert '"prompt":"an otter"' in text

    def test_words_are_never_markup(self, folder):
        prompt = "[/] [red]x :cat: \\"
        text = said("explain", folder / "good.yaml", "--request", json.dumps({"prompt": prompt}), code=0)
        assert json.dumps({"prompt": prompt}, separators=(",", ":"))[:-1] in text

    def test_a_callers_own_key_is_taken_as_given(self, tmp_path):
        (tmp_path / "own.yaml").write_text("provider: openai\npassthrough: true\n")
        text = said("explain", tmp_path / "own.yaml", "--request", OTTER, "--format", "json", code=0)
        assert json.loads(text)["tree"]["send"]["headers"]["authorization"] == "***"

    def test_a_file_on_its_own(self, tmp_path):
        (tmp_path / "lone.txt").write_text("provider: sandbox")
        assert "painted by the gateway itself" in said("explain", tmp_path / "lone.txt", "--request", OTTER, code=0)

    @pytest.mark.parametrize(
        ("request_", "expected"),
        [
            ("{prompt: 1}", "--request: this is not valid JSON"),
            ('{"prompt"', "at line 1, column"),
            ("[1]", "this is JSON, but not an object"),
            ("@/nowhere/otter.json", "--request: /nowhere/otter.json cannot be read: No such file or directory."),
            ("@/", "cannot be read: Is a directory."),
        ],
    )
    def test_a_request_that_is_none(self, folder, request_, expected):
        assert expected in said("explain", folder / "good.yaml", "--request", request_, code=2)

    def test_a_file_of_something_else(self, folder, tmp_path):
        (tmp_path / "otter.png").write_bytes(b"\x89PNG\xff\xfe")
        text = said("explain", folder / "good.yaml", "--request", f"@{tmp_path}/otter.png", code=2)
        assert "this is not valid JSON" in text

    @pytest.mark.parametrize("metadata", ["plan=pro", '["pro"]', '{"seats": 5}'])
    def test_metadata_that_is_none(self, folder, metadata):
        text = said("explain", folder / "good.yaml", "--request", OTTER, "--metadata", metadata, code=2)
        assert "Error: --metadata: " in text

    @pytest.mark.parametrize(
        ("config", "request_"),
        [("good", '{"prompt": 5}'), ("good", "{}"), ("plain", '{"prompt": "x", "model": "sandbox", "n": 99}')],
    )
    def test_a_request_that_the_gateway_would_refuse(self, folder, config, request_):
        (folder / "plain.yaml").write_text("provider: sandbox")
        text = said("explain", folder / f"{config}.yaml", "--request", request_, code=1)
        assert text.startswith("Error: the gateway would refuse this request: ")

    def test_a_config_with_problems(self, bad):
        text = said("explain", bad, "--request", OTTER, code=1)
        assert f"{bad}:2:9: $.retry.attempts: " in text

    def test_what_is_no_config(self, folder):
        assert "name one of its files" in said("explain", folder, "--request", OTTER, code=2)
        assert "not a route" in said("explain", folder / "gateway.yaml", "--request", OTTER, code=2)
        assert "does not exist" in said("explain", folder / "nope.yaml", "--request", OTTER, code=2)
        assert "Missing option '--request'" in said("explain", folder / "good.yaml", code=2)


class TestInit:
    def test_writes_what_passes_check(self, tmp_path):
        folder = tmp_path / "my configs"
        text = said("init", folder, code=0)
        assert sorted(file.name for file in folder.iterdir()) == ["gateway.yaml", "resilient.yaml"]
        assert text.endswith(f"Next: beamsplitter check '{folder}' && beamsplitter serve --configs '{folder}'\n")
        assert said("check", folder, code=0).endswith("2 files: no problems.\n")

    def test_keeps_what_is_there(self, folder):
        text = said("init", folder, code=0)
        assert f"{folder}/gateway.yaml is there already; left as it is" in text
        assert (folder / "gateway.yaml").read_text() == GATEWAY
        assert (folder / "resilient.yaml").is_file()

    def test_what_it_suggests_works(self, tmp_path):
        said("init", tmp_path, code=0)
        gateway, resilient = tmp_path / "gateway.yaml", tmp_path / "resilient.yaml"
        suggested = re.sub(r"(?m)^# (?=\S+:$|  )", "", gateway.read_text())
        assert "\nvirtual_keys:\n  openai-prod:" in suggested
        assert "\napi_keys:\n  - {name" in suggested
        gateway.write_text(suggested)
        lines = re.findall(r"(?m)^#   (.+)$", resilient.read_text())
        assert lines == ["virtual_key: openai-prod", "override_params: {model: gpt-image-2}"]
        first = resilient.read_text().replace("provider: sandbox", lines[0], 1)
        resilient.write_text(first.replace("override_params: {model: sandbox}", lines[1], 1))
        assert said("check", tmp_path, code=0, TEAM_A_KEY="test-team-key-not-real").endswith(": no problems.\n")

    def test_into_the_folder_at_hand(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert "configs/gateway.yaml written" in said("init", code=0)

    def test_into_a_file(self, bad):
        assert "is a file; name a folder" in said("init", bad, code=2)

    def test_into_what_is_below_a_file(self, bad):
        assert "cannot be written: Not a directory." in said("init", bad / "below", code=2)

    def test_what_it_writes_serves(self, tmp_path):
        said("init", tmp_path, code=0)
        with serving(tmp_path) as running:
            assert ask(running, {"size": "64x64"}).status == 200


class TestModels:
    def test_as_a_table(self):
        lines = said("models", code=0).splitlines()
        assert lines[0].split() == ["provider", "model", "n", "price", "sizes"]
        rows = {tuple(line.split()[:2]): line for line in lines[1:]}
        assert "$0.04 to $0.12" in rows["openai", "dall-e-3"]
        assert "1024x1024, 1792x1024, or 1024x1792" in rows["openai", "dall-e-3"]
        assert len(rows) == len(json.loads(said("models", "--json", code=0)))

    def test_as_json_lists_are_lists(self):
        known = {(row["provider"], row["id"]): row for row in json.loads(said("models", "--json", code=0))}
        assert "style" in known["openai", "dall-e-3"]["takes"]
        assert known["openai", "dall-e-3"]["takes"] == sorted(known["openai", "dall-e-3"]["takes"])

    def test_on_a_narrow_terminal_names_stay_whole(self, monkeypatch):
        narrow = console_module.Console
        monkeypatch.setattr(
            console_module, "Console", lambda **_: narrow(width=70, force_terminal=True, color_system=None)
        )
        text = run_plain("models")
        assert "gpt-image-2.5-sunburst " in text
        assert "…" not in text


def run_plain(*arguments):
    return re.sub(r"\x1b\[[0-9;]*m", "", CliRunner().invoke(main, arguments).output)


def ask(running, body, **headers):
    connection = http.client.HTTPConnection(running.url.removeprefix("http://"), timeout=30)
    try:
        sent = {"content-type": "application/json", **headers}
        connection.request("POST", "/v1/images/generations", json.dumps({"prompt": "an otter", **body}), sent)
        response = connection.getresponse()
        response.read()
        return response
    finally:
        connection.close()


class TestServe:
    def settings(self, *arguments, **environ):
        return json.loads(run("serve", "--print-settings", *arguments, **environ).stdout)

    def test_prints_settings(self):
        settings = self.settings()
        assert tuple(settings) == NAMES
        assert (settings["host"], settings["port"], settings["configs"]) == ("127.0.0.1", 8787, "")

    def test_three_spellings(self, folder):
        (folder / "gateway.yaml").write_text(
            f"{GATEWAY}server: {{port: 1, workers: 2, log_level: error, open: true}}\n"
        )
        settings = self.settings("--configs", folder)
        assert (settings["port"], settings["workers"], settings["log_level"], settings["open"]) == (1, 2, "error", True)
        settings = self.settings("--configs", folder, BEAMSPLITTER_PORT="3", BEAMSPLITTER_OPEN="no")
        assert (settings["port"], settings["workers"], settings["open"]) == (3, 2, False)
        settings = self.settings("--configs", folder, "--port", "4", "--no-open", BEAMSPLITTER_PORT="3")
        assert (settings["port"], settings["workers"], settings["open"]) == (4, 2, False)
        assert self.settings(BEAMSPLITTER_CONFIGS=str(folder))["port"] == 1

    @pytest.mark.parametrize(
        ("arguments", "environ", "expected"),
        [
            (["--port", "99999"], {}, "--port: expected a number from 0 to 65535, got '99999'"),
            ([], {"BEAMSPLITTER_WORKERS": "two"}, "BEAMSPLITTER_WORKERS: expected a whole number, got 'two'"),
            (["--log-level", "loud"], {}, "--log-level: expected debug, info, warning or error, got 'loud'"),
            (["--default-config", "x"], {}, "default_config: 'x' is a config's id, but no --configs are given."),
            (["--prot", "1"], {}, "No such option"),
        ],
    )
    def test_settings_that_cannot_be_used(self, arguments, environ, expected):
        assert expected in said("serve", *arguments, code=2, **environ)

    def test_a_default_config_that_is_not_there(self, folder):
        text = said("serve", "--configs", folder, "--default-config", "godo", code=2)
        assert f"no config is called 'godo' in {folder}; did you mean `good`?" in text

    @pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - refused
    def test_does_not_open_the_doors_by_itself(self, folder, host):
        text = said("serve", "--configs", folder, "--host", host, code=2)
        assert f"Refusing to listen on {host}" in text
        assert "Add api_keys to gateway.yaml or make one by `beamsplitter keys create`" in text

    @pytest.mark.parametrize(
        "content",
        ["server: {port: x}", "server: {prot: 1}", "default_config: nope", "server: ["],
        ids=["a bad setting", "an unknown setting", "an unknown default config", "not YAML"],
    )
    @pytest.mark.parametrize("arguments", [(), ("--print-settings",)], ids=["serve", "print"])
    def test_configs_that_cannot_be_served(self, folder, content, arguments):
        (folder / "gateway.yaml").write_text(content)
        text = said("serve", "--configs", folder, *arguments, code=78)
        assert f"until `beamsplitter check {folder}` finds nothing." in text

    def test_a_folder_that_is_not_there(self, tmp_path):
        text = said("serve", "--configs", tmp_path / "nope", code=78)
        assert f"or make it: beamsplitter init {tmp_path}/nope." in text

    def test_a_port_in_use(self, folder):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            assert f"Port {port} on 127.0.0.1 is in use" in said("serve", "--configs", folder, "--port", port, code=2)

    def test_without_configs_the_model_says_where(self):
        with serving("") as running:
            assert "(0 configs)" in "".join(running.lines)
            answer = ask(running, {"model": "sandbox/sandbox", "size": "64x64"})
            assert (answer.status, answer.headers["x-portkey-provider"]) == (200, "sandbox")

    def test_with_api_keys_beyond_loopback(self, folder):
        key = "test-team-key-not-real"
        (folder / "gateway.yaml").write_text(f'{GATEWAY}api_keys: [{{name: team, key: "${{TEAM_A_KEY}}"}}]\n')
        with serving(folder, "--host", "0.0.0.0", env={"TEAM_A_KEY": key}) as running:  # noqa: S104 - with a key
            assert ask(running, {"size": "64x64"}, **{"x-portkey-config": "good"}).status == 401
            answer = ask(
                running, {"size": "64x64"}, **{"x-portkey-config": '{"provider": "sandbox"}', "x-portkey-api-key": key}
            )
            assert answer.status == 200
            assert key not in "".join(running.lines)

    def test_says_that_some_configs_are_not_served(self, bad):
        with serving(bad.parent) as running:
            assert ask(running, {"size": "64x64"}, **{"x-portkey-config": '{"provider": "sandbox"}'}).status == 200
            assert running.stop() == 0
        text = "".join(running.lines)
        assert "(1 config)" in text
        assert f"see: beamsplitter check {bad.parent}" in text

    def test_what_it_tells_to_try_works(self, folder, tmp_path):
        if not shutil.which("curl"):
            pytest.skip("this machine has no curl")
        (folder / "gateway.yaml").write_text(f"{GATEWAY}default_config: sandbox\n")
        (folder / "sandbox.yaml").write_text("provider: sandbox")
        with serving(folder) as running:
            ask(running, {"size": "64x64"})
            text = "".join(running.lines)
            command = text[text.index("curl") : text.index("otter.png") + len("otter.png")]
            subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=tmp_path, check=True, timeout=30)
        assert (tmp_path / "otter.png").read_bytes().startswith(b"\x89PNG")
