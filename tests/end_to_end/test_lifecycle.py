"""Configs that change and a server that stops while requests run: what was begun ends as it began."""

import concurrent.futures
import contextlib
import signal
import socket
import time

import pytest

from tests.end_to_end.caller import alive, ask, line_to, raw_request, target
from tests.end_to_end.provider import Provider, within
from tests.running import serving

GATEWAY_YAML = """
default_config: pictures
virtual_keys:
  stored: {{provider: openai, api_key: test-stored-key-not-real, custom_host: {url}}}
"""
PICTURES = "{{virtual_key: stored, override_params: {{model: '{model}'}}}}\n"


@pytest.fixture
def wall():
    with Provider() as provider:
        yield provider


@pytest.fixture
def folder(wall, tmp_path):
    (tmp_path / "gateway.yaml").write_text(GATEWAY_YAML.format(url=wall.url))
    say(tmp_path, "good")
    return tmp_path


@pytest.fixture
def own_gateway(folder):
    with serving(folder) as running:
        yield running


def say(folder, model):
    """Write the config anew, as an editor does."""
    new = folder / "pictures.yaml.new"
    new.write_text(PICTURES.format(model=model))
    new.rename(folder / "pictures.yaml")


def ready(gateway):
    return ask(gateway, b"", method="GET", path="/readyz")


def problems(gateway):
    return ready(gateway).json["problems"]


def answers_with(gateway, wall, model):
    return ask(gateway).status == 200 and wall.models[-1] == model


# --- reload ---


def test_a_good_edit_goes_live_and_running_requests_keep_their_version(own_gateway, folder, wall):
    say(folder, "slow:1.5")
    assert within(5, lambda: "slow:1.5" in ask(own_gateway, x_gateway_explain="true").body.decode())
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(ask, own_gateway) for _ in range(4)]
        assert wall.wait_for(4)
        say(folder, "good")
        assert within(5, lambda: answers_with(own_gateway, wall, "good"))
        answered = [each.result() for each in running]
        new = ask(own_gateway).headers["x-gateway-config-version"]
    assert {got.status for got in answered} == {200}
    versions = {got.headers["x-gateway-config-version"] for got in answered}
    assert len(versions) == 1
    assert new not in versions


BAD = {
    "half written": "{virtual_key: stor",
    "empty": "",
    "a twin key": "virtual_key: stored\nvirtual_key: stored\n",
    "an alias": "override_params: &a {x: 1}\ndefault_params: *a\nvirtual_key: stored\n",
    "an unknown key": "virtual_key: stored\nretrys: {attempts: 2}\n",
    "attempts: on": "virtual_key: stored\nretry: {attempts: on}\n",
    "an unknown virtual key": "virtual_key: stroed\n",
    "a missing variable": "provider: openai\napi_key: ${TEST_NOT_SET_ANYWHERE}\n",
    "a tab": "virtual_key: stored\n\tx: 1\n",
    "an azure resource that is none": "{provider: azure-openai, api_key: test-not-real, azure_resource_name: a.b/c}\n",
    "azure without a resource": "{provider: azure-openai, api_key: test-not-real}\n",
    "a host that is none": "{provider: openai, api_key: test-not-real, custom_host: 'http://user@x/'}\n",
    "openai-compatible without a host": "{provider: openai-compatible}\n",
    "openai without a key": "{provider: openai}\n",
}


def test_bad_edits_never_reach_traffic(own_gateway, folder, wall):
    """All in one test, one after the other, as each costs a reload."""
    config = folder / "pictures.yaml"
    told = []
    for name, text in BAD.items():
        before = told
        config.write_text(text)
        assert within(5, lambda before=before: problems(own_gateway) not in ([], before)), name
        told = problems(own_gateway)
        assert "pictures.yaml" in told[0], name
        assert ready(own_gateway).status == 200
        assert answers_with(own_gateway, wall, "good"), name
    counted = ready(own_gateway).json
    assert counted["reloads"] >= counted["failed_reloads"] >= len(BAD)
    say(folder, "chunked")
    assert within(5, lambda: answers_with(own_gateway, wall, "chunked"))
    assert problems(own_gateway) == []


def test_the_gateway_file_edited_badly_and_deleted(own_gateway, folder, wall):
    path = folder / "gateway.yaml"
    text = path.read_text()
    path.write_text(text + "virtual_kyes: {}\n")
    assert within(5, lambda: problems(own_gateway))
    assert answers_with(own_gateway, wall, "good")
    path.unlink()
    assert within(5, lambda: any("gone" in problem for problem in problems(own_gateway)))
    assert answers_with(own_gateway, wall, "good")
    path.write_text(text)
    assert within(5, lambda: not problems(own_gateway))


def test_deleting_the_default_config(own_gateway, folder, wall):
    (folder / "pictures.yaml").unlink()
    assert within(5, lambda: problems(own_gateway))
    assert "pictures" in problems(own_gateway)[0]
    assert answers_with(own_gateway, wall, "good")
    assert ask(own_gateway, config="pictures").status == 200
    say(folder, "chunked")
    assert within(5, lambda: answers_with(own_gateway, wall, "chunked"))
    assert problems(own_gateway) == []


def test_deleting_a_config_that_only_a_flag_calls_the_default(folder, wall):
    (folder / "gateway.yaml").write_text(GATEWAY_YAML.format(url=wall.url).replace("default_config: pictures", ""))
    with serving(folder, "--default-config", "pictures") as running:
        assert answers_with(running, wall, "good")
        (folder / "pictures.yaml").unlink()
        assert within(5, lambda: ready(running).json["configs"] == [] or problems(running))
        got = ask(running)
        assert got.status in {200, 404}
        assert alive(running)


def test_requests_never_fail_while_configs_change(own_gateway, folder, wall):
    stop = []

    def asks():
        seen = set()
        while not stop:
            seen.add(ask(own_gateway).status)
        return seen

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        running = [pool.submit(asks) for _ in range(2)]
        for round_ in range(2):
            say(folder, f"good:{round_}")
            time.sleep(0.3)
            (folder / "pictures.yaml").write_text("{broken" if round_ % 2 else PICTURES.format(model="good:x"))
            time.sleep(0.3)
        stop.append(True)
        assert [each.result() for each in running] == [{200}, {200}]


def test_bad_configs_at_the_start(folder):
    (folder / "pictures.yaml").write_text("{provider: azure-openai, api_key: test-not-real, azure_resource_name: a.b}")
    with pytest.raises(AssertionError, match="did not start"), serving(folder):
        pass


# --- drain ---


def test_stopping_finishes_what_was_begun(folder, wall):
    with serving(folder) as running, concurrent.futures.ThreadPoolExecutor(60) as pool:
        asked = [pool.submit(ask, running, config=target(wall, "slow:1.2")) for _ in range(50)]
        assert wall.wait_for(50)
        began = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert within(1, lambda: ready(running).status == 503)
        assert ready(running).json["status"] == "stopping"
        answered = [each.result() for each in asked]
        assert [got.status for got in answered] == [200] * 50
        assert {got.headers.get("connection") for got in answered} == {"close"}
        assert running.process.wait(10) == 0
        assert time.monotonic() - began < 4


def test_several_workers_reload_and_stop_as_one(folder, wall):
    with serving(folder, "--workers", "2") as running, concurrent.futures.ThreadPoolExecutor(10) as pool:
        say(folder, "slow:0.8")
        assert within(
            5, lambda: all("slow:0.8" in ask(running, x_gateway_explain="true").body.decode() for _ in range(20))
        )
        asked = [pool.submit(ask, running) for _ in range(10)]
        assert wall.wait_for(10)
        running.process.send_signal(signal.SIGTERM)
        assert [each.result().status for each in asked] == [200] * 10
        assert running.process.wait(10) == 0


def test_stopping_an_idle_server_is_quick(folder):
    with serving(folder) as running, line_to(running) as idle:
        began = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - began < 3
        with contextlib.suppress(ConnectionError):
            assert idle.recv(1) == b""


def test_what_outlasts_the_drain_limit_is_cut_off(folder, wall):
    with serving(folder, "--drain-seconds", "0.5") as running, line_to(running) as line:
        line.sendall(raw_request(target(wall, "silent")))
        assert wall.wait_for(1)
        running.process.send_signal(signal.SIGTERM)
        got = line.recv(65536)
        assert b" 503 " in got.partition(b"\r\n")[0]
        assert b"shutting_down" in got
        assert running.process.wait(10) == 0
        assert within(2, lambda: wall.seen[0].left_at)


def test_a_caller_that_left_does_not_hold_up_the_end(folder, wall):
    with serving(folder) as running:
        with line_to(running) as line:
            line.sendall(raw_request(target(wall, "silent")))
            assert wall.wait_for(1)
        began = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - began < 4


def test_half_a_head_does_not_hold_up_the_end(folder):
    with serving(folder) as running, line_to(running) as line:
        line.sendall(b"POST /v1/ima")
        time.sleep(0.2)
        began = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - began < 3


def test_nothing_is_said_on_a_clean_end(folder, wall):
    with serving(folder) as running:
        assert ask(running, config=target(wall)).status == 200
        assert running.stop() == 0
        assert not [line for line in running.lines if "Traceback" in line or "ERROR" in line]


def test_the_port_is_free_afterwards(folder):
    with serving(folder) as running:
        port = int(running.url.rpartition(":")[2])
        running.stop()
    with socket.create_server(("127.0.0.1", port)):
        pass
