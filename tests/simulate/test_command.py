"""The command, as people and scripts meet it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.settings import NAMES
from gateway.simulate.asked import answered
from tests.running import ROOT
from tests.simulate.acting import fallback, openai

EXAMPLES = ROOT / "examples"
FALLBACK = EXAMPLES / "configs" / "fallback.yaml"
OTHER = EXAMPLES / "simulations" / "azure-first.yaml"
GIVEN = (
    *("--traffic", str(EXAMPLES / "simulations" / "traffic.yaml")),
    *("--faults", str(EXAMPLES / "simulations" / "outage.yaml")),
)


@pytest.fixture(autouse=True)
def without_settings(monkeypatch):
    for name in (*(f"BEAMSPLITTER_{name.upper()}" for name in NAMES), "OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments):
    return CliRunner().invoke(main, ["simulate", *(str(each) for each in arguments)])


def refusal(*arguments):
    """Return the one sentence of a refusal."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    said = result.stderr.strip().splitlines()[-1]
    assert said.startswith("Error: ")
    return said.removeprefix("Error: ")


def test_the_report_is_read_in_ten_seconds():
    result = run(FALLBACK, *GIVEN, "--requests", "1500")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0].startswith("fallback: 1,500 requests, ")
    assert lines[1].split()[:5] == ["success", "p50", "p95", "p99", "cost"]
    assert any(line.startswith("openai ") and "%" in line for line in lines)
    assert any(line.startswith("Failures: ") for line in lines)
    assert len(lines) < 15


def test_json_has_the_names_that_are_promised():
    result = json.loads(run(FALLBACK, *GIVEN, "--requests", "300", "--format", "json").stdout)
    promised = {"success_rate", "targets", "p50", "p95", "p99", "cost_usd", "rescued", "maybe_billed"}
    assert promised <= result.keys()
    assert result["targets"].keys() == {"openai", "azure"}
    assert {"share", "attempts", "failures"} <= result["targets"]["openai"].keys()
    of_time = {"seconds", "shares", "p50", "p95", "cost_usd", "failures", "rescued"}
    assert of_time <= result["series"].keys()
    assert result["config"]["id"] == "fallback"


def test_two_configs_side_by_side():
    result = run(FALLBACK, *GIVEN, "--requests", "300", "--compare", OTHER, "--format", "json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    first, second = told["configs"]
    alone = json.loads(run(OTHER, *GIVEN, "--requests", "300", "--format", "json").stdout)
    assert second == alone
    assert told["difference"]["p50"] == pytest.approx(second["p50"] - first["p50"], abs=1e-6)
    assert told["difference"]["targets"]["azure"]["share"] > 0.9


def test_a_page_can_go_into_a_file(tmp_path):
    page = tmp_path / "page.html"
    assert run(FALLBACK, *GIVEN, "--requests", "20", "--format", "html", "--output", page).output == ""
    assert page.read_text().startswith("<!doctype html>")


def test_the_same_bytes_in_every_process():
    asked = {
        "config": fallback(openai("a", retry={"attempts": 2}), openai("b")),
        "traffic": {"rate": 9, "mix": [{"share": 2, "request": {"prompt": "otter"}}, {"request": {"prompt": "bear"}}]},
        "faults": {"targets": {"a": {"refusal_ratio": 0.1, "faults": [{"status": 500, "ratio": 0.4}]}}},
        "requests": 200,
        "seed": 5,
    }
    there = subprocess.run(
        [sys.executable, "-m", "gateway.simulate"],
        input=json.dumps(asked).encode(),
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "17", "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=60,
    )
    assert there.stdout == orjson.dumps(answered(asked))
    assert json.loads(there.stdout)["attempts"] > 200


KILLED = """
import multiprocessing, os, time
from gateway.simulate.beside import side_by_side

def here():
    print(multiprocessing.active_children()[0].pid, flush=True)
    time.sleep(60)

if __name__ == "__main__":
    side_by_side(time.sleep, here, 60)
"""


def test_the_second_process_ends_with_a_first_one_that_is_killed(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environ) as first:
        second = int(first.stdout.readline())
        first.kill()
    began = time.monotonic()
    while runs(second) and time.monotonic() - began < 20:
        time.sleep(0.05)
    assert not runs(second)


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_is_wrong_is_said_in_one_sentence_with_its_place(tmp_path):
    traffic = tmp_path / "traffic.yaml"
    traffic.write_text("rate: 0\nmix: [{request: {prompt: otter}}]\n")
    faults = tmp_path / "faults.yaml"
    faults.write_text("targets:\n  opneai: {latency_ms: 5}\n")
    config = tmp_path / "bad.yaml"
    config.write_text("provider: sandbox\nretyr: 2\n")
    good = GIVEN[:2]
    assert refusal(FALLBACK, "--traffic", traffic).startswith(f"{traffic}:1:1: $.rate: With a `rate` of 0")
    assert refusal(FALLBACK, *good, "--faults", faults).startswith(
        f"{faults}:2:3: $.targets.opneai: No target is called"
    )
    assert refusal(config, *good) == f"{config}:2:1: $.retyr: Unknown key `retyr`; did you mean `retry`?"
    assert refusal(tmp_path / "none.yaml", *good).endswith("does not exist; name a config file.")
    assert refusal(tmp_path, *good).endswith("is a folder; name one of its files.")
    assert "holds what configs share" in refusal(EXAMPLES / "configs" / "gateway.yaml", *good)
    assert refusal(FALLBACK, *good, "--requests", "0").startswith("0 requests cannot be simulated")
    assert "Missing option '--traffic'" in refusal(FALLBACK)
    assert refusal(FALLBACK, *good, "--compare", config).startswith(f"{config}:2:1:")
    assert refusal(FALLBACK, *good, "--requests", "2", "--output", tmp_path).startswith("--output: ")


def test_a_config_of_settings_alone_is_no_route(tmp_path):
    config = tmp_path / "settings.yaml"
    config.write_text("retry: {attempts: 2}\n")
    assert "settings alone" in refusal(config, *GIVEN[:2])


CONFIGS = sorted(path for path in (EXAMPLES / "configs").glob("*.yaml") if path.name != "gateway.yaml")


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_example_can_be_simulated_without_any_key(config, tmp_path):
    traffic = tmp_path / "traffic.json"
    traffic.write_text(json.dumps({"rate": 5, "mix": [{"request": {"prompt": "otter"}, "metadata": {"_user": "u"}}]}))
    result = run(config, "--traffic", traffic, "--requests", "10", "--format", "json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["successes"] + sum(told["failures"].values()) == 10


def test_a_terminal_is_shown_how_far_it_is_beside_the_result(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = run(FALLBACK, *GIVEN, "--requests", "20", "--format", "json")
    assert "simulating" in result.stderr
    assert json.loads(result.stdout)["requests"] == 20


def test_text_can_go_into_a_file(tmp_path):
    out = tmp_path / "report.txt"
    assert run(FALLBACK, *GIVEN, "--requests", "20", "--output", out).output == ""
    assert out.read_text().startswith("fallback: 20 requests")
