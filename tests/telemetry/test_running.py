"""A real gateway of two workers, with keys: one scrape, by nobody in particular, tells of both."""

import http.client
import json
import time

import pytest

from tests.running import serving
from tests.telemetry.asking import ASKED, PATH, of, read

KEY = "not-real-key-of-a-team-0001"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("telemetry")
    (folder / "gateway.yaml").write_text(f"api_keys: [{{name: secret-team, key: {KEY}}}]\n")
    (folder / "plain.yaml").write_text("provider: sandbox\n")
    dead = data / "workers" / "of-a-run-that-was-killed"
    dead.mkdir(parents=True)
    (dead / "lock").touch()
    with serving(folder, "--workers", "2", "--default-config", "plain", "--data", str(data)) as running:
        yield running


def ask(gateway, method, path, body=None, **headers):
    line = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=20)
    try:
        line.request(method, path, body, headers)
        answer = line.getresponse()
        return answer.status, answer.read().decode()
    finally:
        line.close()


def scrape(gateway):
    status, text = ask(gateway, "GET", "/metrics")
    assert status == 200, text
    return text


def eventually(what, seconds=10):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_one_scrape_tells_of_all_workers_and_of_nobody_by_name(gateway, data):
    body = json.dumps({**ASKED, "user": "secret-user"})
    told = [0]

    def count():
        told.append(of(read(scrape(gateway)), "beamsplitter_requests_total", config="plain"))
        return told[-1]

    for _ in range(12):
        lines = {"content-type": "application/json", "x-portkey-api-key": KEY}
        assert ask(gateway, "POST", PATH, body, **lines)[0] == 200
        count()
    eventually(lambda: count() == 12)
    eventually(lambda: all(count() == 12 for _ in range(6)))
    assert told == sorted(told), "whichever worker is asked, no counter goes backwards"
    text = scrape(gateway)
    found = read(text)
    assert found["beamsplitter_workers", ()] == 2
    assert found["process_resident_memory_bytes", ()] > 50e6
    assert [word for word in ("secret", KEY, "127.0.0.1") if word in text] == []
    assert len(list((data / "workers").iterdir())) == 1, "the run that was killed is swept"


def test_nothing_of_a_run_is_left_when_it_ends(gateway, data):
    assert gateway.stop() == 0
    assert list((data / "workers").iterdir()) == []
