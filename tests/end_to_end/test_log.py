"""What the gateway writes to its terminal while it serves: a line for each failure, nothing for what went well."""

import concurrent.futures
import time

import pytest

from tests.end_to_end.caller import ask, fallback
from tests.end_to_end.provider import within
from tests.running import serving

PROMPT = "a prompt that stays out of the log"
DOWN = {"name": "primary", "provider": "sandbox", "override_params": {"sandbox": {"status": 503}}}
UNKNOWN = {"provider": "sandbox", "override_params": {"sandbox": {"status": 401}}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log") / "configs"
    folder.mkdir()
    (folder / "fine.yaml").write_text("provider: sandbox\n")
    (folder / "down.yaml").write_text("provider: sandbox\nname: primary\noverride_params: {sandbox: {status: 503}}\n")
    return folder


@pytest.fixture
def quiet(folder):
    with serving(folder) as running:
        yield running


def lines_with(running, word):
    within(5, lambda: any(word in line for line in running.lines))
    return [line.strip() for line in running.lines if word in line]


def test_a_failure_leaves_one_line_to_find_it_by(quiet):
    ask(quiet, config=fallback(DOWN, UNKNOWN), prompt=PROMPT, x_portkey_trace_id="trace-of-a-failure")
    (line,) = lines_with(quiet, "trace-of-a-failure")
    assert "WARNING gateway.http: failed: 502 auth config=" in line
    assert "attempts=primary:provider_error(503),config.targets[1]:auth(401) maybe_billed=0 ms=" in line
    assert PROMPT not in "".join(quiet.lines)


def test_a_failure_names_its_stored_config(quiet):
    ask(quiet, config="down", x_portkey_trace_id="trace-of-a-stored-config")
    (line,) = lines_with(quiet, "trace-of-a-stored-config")
    assert "failed: 503 provider_error config=down attempts=primary:provider_error(503)" in line


def test_a_refusal_is_told_without_a_warning(quiet):
    ask(quiet, b"{", content_type="application/json", x_portkey_trace_id="trace-of-a-mistake")
    (line,) = lines_with(quiet, "trace-of-a-mistake")
    assert line.endswith("INFO gateway.http: refused: 400 invalid_json trace=trace-of-a-mistake")


def test_success_is_silent(quiet):
    assert ask(quiet, {"prompt": PROMPT, "size": "64x64"}, config="fine", x_portkey_trace_id="trace-one").status == 200
    ask(quiet, b"{", x_portkey_trace_id="trace-two")
    assert lines_with(quiet, "trace-two")
    assert lines_with(quiet, "trace-one") == []


def test_success_is_told_where_all_is(folder):
    with serving(folder, "--log-level", "debug") as running:
        ask(running, {"prompt": PROMPT, "size": "64x64"}, config="fine", x_portkey_trace_id="trace-of-a-success")
        (line,) = lines_with(running, "trace-of-a-success")
        assert "DEBUG gateway.http: answered: config=fine attempts=config:answered maybe_billed=0 trace=" in line
        assert PROMPT not in "".join(running.lines)


def test_a_caller_that_left_is_told_of(quiet):
    slow = {"provider": "sandbox", "override_params": {"sandbox": {"latency_ms": 20_000}}}
    with pytest.raises(TimeoutError):
        ask(quiet, config=slow, timeout=0.6, x_portkey_trace_id="trace-of-a-caller")
    (line,) = lines_with(quiet, "trace-of-a-caller")
    assert "INFO gateway.http: the caller left; its request was cancelled: config=" in line
    assert "attempts=config:" in line


def test_stopping_says_what_it_waits_for(folder):
    slow = {"provider": "sandbox", "override_params": {"sandbox": {"latency_ms": 1500}}}
    with serving(folder) as running, concurrent.futures.ThreadPoolExecutor() as pool:
        asked = pool.submit(ask, running, {"prompt": PROMPT, "size": "64x64"}, config=slow)
        time.sleep(0.5)
        running.stop()
        assert asked.result().status == 200
        (line,) = lines_with(running, "stopping")
        assert "1 busy connection(s) have 190 s" in line


def test_a_name_cannot_begin_a_line_of_its_own(quiet):
    forged = {**DOWN, "name": "primary\n2026-01-01 ERROR forged"}
    ask(quiet, config=fallback(forged, UNKNOWN), x_portkey_trace_id="trace-of-a-forger")
    lines_with(quiet, "trace-of-a-forger")
    assert not any(line.startswith("2026-01-01") for line in quiet.lines)


def test_a_log_beside_the_configs_does_not_feed_itself(quiet, folder):
    (folder.parent / "gateway.log").write_text("a line")
    (folder / "another.yaml").write_text("provider: sandbox\n")
    (line,) = lines_with(quiet, "another")
    assert line.endswith("INFO gateway.config: 3 configs are live; changed: another")
    assert not any("watchfiles" in line for line in quiet.lines)
