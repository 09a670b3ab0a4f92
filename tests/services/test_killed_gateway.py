"""R17: a gateway killed at any moment, under requests and changes: what it acknowledged is there when it is back."""

import contextlib
import functools
import http.client
import itertools
import os
import random
import sqlite3
import threading
import time

import pytest

from tests.end_to_end.provider import Provider, within
from tests.gateway.control.test_killed import check
from tests.services.machines import Machine, ask

ROUNDS = int(os.environ.get("KILLS", "10"))
ADMIN = "admin-key-that-is-not-real"
GATEWAY = """
virtual_keys:
  painter: {{provider: openai, api_key: test-painter-not-real, custom_host: "{url}"}}
api_keys:
  - {{name: app, key: key-of-app-not-real}}
"""
CONFIG = '{"virtual_key": "painter", "override_params": {"model": "good"}}'

_numbers = itertools.count()


class Client(threading.Thread):
    """Goes on until the connection fails, and notes what was acknowledged."""

    def __init__(self, machine, work):
        super().__init__(daemon=True)
        self.told, self.wrong = [], []
        self._machine, self._work = machine, work

    def run(self):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._machine.port, timeout=20)) as line:
            try:
                while True:
                    self._work(line, self)
            except (OSError, http.client.HTTPException):
                pass

    def ask(self, line, *about, **more):
        answer = ask(self._machine, *about, line=line, **more)
        if answer.status != 200:
            self.wrong.append((answer.status, answer.body))
        return answer


def paint(line, client):
    trace = f"killed-{next(_numbers)}"
    headers = {"x_portkey_api_key": "key-of-app-not-real", "x_portkey_config": CONFIG, "x_portkey_trace_id": trace}
    if client.ask(line, body={"prompt": "o"}, **headers).status == 200:
        client.told.append(trace)


def change(line, client):
    def control(method, path, body):
        return client.ask(line, method, path, body, x_portkey_api_key=ADMIN).json

    config = control("POST", "/v1/configs", {"name": "c", "config": {"provider": "sandbox"}})
    client.told.append(("configs", config["id"], config["version_id"]))
    changed = control("PUT", f"/v1/configs/{config['id']}", {"name": "d", "is_default": 1})
    client.told.append(("configs", config["id"], changed["version_id"]))
    key = control("POST", "/v1/virtual-keys", {"name": "k", "provider": "openai", "key": "sk-not-real"})
    client.told.append(("virtual_keys", key["id"]))
    feedback = control("POST", "/v1/feedback", [{"trace_id": "t", "value": 1}] * 3)
    client.told.append(("feedback", *feedback["feedback_ids"]))


def acknowledged(clients):
    return all(sum(len(each.told) for each in group) > 2 for group in (clients[:2], clients[2:]))


@pytest.fixture
def machine(tmp_path):
    with Provider() as painter:
        configs = tmp_path / "configs"
        configs.mkdir()
        (configs / "gateway.yaml").write_text(GATEWAY.format(url=painter.url))
        machine = Machine(configs, tmp_path / "data", "--workers", "2", "--admin-key", ADMIN)
        try:
            yield machine
        finally:
            machine.stop()


@pytest.mark.timeout(60 + 10 * ROUNDS)
def test_what_a_killed_gateway_acknowledged_is_there_when_it_is_back(machine):
    rng, traces, changes = random.Random(17), [], []
    file = machine.data / "beamsplitter.db"
    for number in range(ROUNDS):
        machine.start()
        clients = [Client(machine, work) for work in (paint, paint, change, change, change, change)]
        for client in clients:
            client.start()
        if number % 2:  # there is something to lose, however busy the machine is
            assert within(30, functools.partial(acknowledged, clients))
        time.sleep(rng.uniform(0.02, 0.6))  # any moment has to do
        machine.kill()
        for client in clients:
            client.join(30)
            assert not client.wrong
        traces += [told for client in clients[:2] for told in client.told]
        changes += [told for client in clients[2:] for told in client.told]
        check(file, changes)
    assert len(traces) > ROUNDS
    assert len(changes) > ROUNDS
    machine.start()
    found = set()

    def all_there():
        with contextlib.closing(sqlite3.connect(file)) as database:
            found.update(trace for (trace,) in database.execute("SELECT trace_id FROM requests"))
        return found >= set(traces)

    try:
        assert within(20, all_there)
    finally:
        lost = set(traces) - found
        print(f"{ROUNDS} kills: {len(traces)} pictures and {len(changes)} changes acknowledged, {len(lost)} lost")  # noqa: T201
    with contextlib.closing(sqlite3.connect(file)) as database:
        twice = "SELECT trace_id FROM requests GROUP BY trace_id HAVING count(*) > 1"
        assert database.execute(twice).fetchall() == []
    check(file, changes)
