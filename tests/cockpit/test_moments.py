"""What goes on at this moment, in whichever worker it does: requests under way, and how targets are."""

import contextlib
import functools
import itertools
import json
import socket
import threading

import pytest
from msgspec import structs

from gateway.cockpit import live
from gateway.cockpit.moment import Moment, Moments, under_way
from gateway.http.record import Records
from gateway.store.request_row import RequestRow
from gateway.target import Pools
from tests.end_to_end.caller import ask
from tests.end_to_end.provider import within
from tests.end_to_end.workers import line_to_each_worker
from tests.running import serving

ADMIN = "admin-key-not-real-0123456789"
APP = "key-of-an-app-not-real"
SLOW = """\
strategy: {{mode: fallback}}
targets:
  - name: broken
    provider: sandbox
    override_params: {{sandbox: {{status: 503}}}}
    cb_config: {{failure_threshold: 1, cooldown_interval: 600000}}
  - {{name: slow, provider: openai, api_key: test-slow-not-real, custom_host: "http://{host}/v1"}}
"""


@pytest.fixture(scope="module")
def provider():
    """Whoever asks it waits until it is told to hang up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, provider):
    host = "{}:{}".format(*provider.getsockname())
    folder = tmp_path_factory.mktemp("moments")
    (folder / "slow.yaml").write_text(SLOW.format(host=host))
    (folder / "gateway.yaml").write_text(f"api_keys: [{{name: app, key: {APP}}}]")
    with serving(folder, "--workers", "2", "--admin-key", ADMIN, "--trusted-hosts", host) as running:
        yield running


@pytest.fixture
def lines(gateway):
    """A connection to each of the two workers."""
    with line_to_each_worker(gateway.process.pid, int(gateway.url.rpartition(":")[2])) as found:
        yield [line for _, line in sorted(found.items())]


@contextlib.contextmanager
def painting(gateway, line, provider, trace):
    """Have a request under way in one worker; yield what ends it."""
    sent = {"x-portkey-api-key": APP, "x-portkey-trace-id": trace}
    asked = {"config": "slow", "line": line, "prompt": "a slow otter"}
    thread = threading.Thread(target=ask, args=(gateway,), kwargs=asked | sent)
    thread.start()
    upstream, _ = provider.accept()
    try:
        yield upstream.close
    finally:
        upstream.close()
        thread.join()


@contextlib.contextmanager
def watching(line):
    """Yield the events of one worker: their names, and what they hold."""
    line.request("GET", "/v1/logs/live", headers={"x-portkey-api-key": ADMIN})
    answer = line.getresponse()
    assert answer.status == 200, answer.read()
    try:
        yield _events(answer)
    finally:
        line.sock.close()


def _events(answer):
    name = "message"
    for text in iter(answer.readline, b""):
        field, _, value = text.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
            name = "message"


def health(gateway, line=None):
    told = ask(gateway, b"", method="GET", path="/v1/health/targets", line=line, **{"x-portkey-api-key": ADMIN}).json
    return told, {use["name"]: row for row in told["data"] for use in row["used_by"]}


def asks(rows, target):
    return any(row["details"]["attempts"][-1]["target"] == target for row in rows if row["details"]["attempts"])


@pytest.mark.parametrize("worker", [0, 1], ids=["in the worker that is asked", "in another one"])
def test_a_request_under_way_is_told_with_what_was_tried_so_far(gateway, lines, provider, worker):
    trace = f"watched-{worker}"
    port = int(gateway.url.rpartition(":")[2])
    with line_to_each_worker(gateway.process.pid, port) as more, watching(lines[0]) as events:
        painted = [line for _, line in sorted(more.items())][worker]
        with painting(gateway, painted, provider, trace) as end:
            row = next(rows[0] for name, rows in events if name == "under_way" and asks(rows, "slow"))
            assert within(20, lambda: health(gateway)[1]["slow"]["in_flight"] == 1)
            assert (row["trace_id"], row["config"], row["prompt"]) == (trace, "slow", "a slow otter")
            assert (row["response_status_code"], row["is_success"], row["target"]) == (None, None, "config.targets[1]")
            (*_, last) = row["details"]["attempts"]
            assert (last["target"], last["cause"], last["ms"]) == ("slow", "under_way", None)
            end()
            later = dict(itertools.islice(events, 2))  # in either order
        answered = later["message"]
        assert later["under_way"] == []
        assert (answered["id"], answered["response_status_code"]) == (row["id"], 502)


class Endless:
    """A request that is long in every way."""

    def so_far(self):
        more = json.dumps({"attempts": [{"cause": "unfinished", "ms": None, "message": "x" * 300}] * 20})
        metadata = json.dumps({"x": "x" * 5000})
        about = {
            "id": "1",
            "workspace": "w",
            "created_ms": 1,
            "trace_id": "",
            "operation": "edit",
            "status": 0,
            "ms": 1,
        }
        return RequestRow(**about, prompt="x" * 16_000, metadata=metadata, more=more)


class Worker:
    pools, seats = Pools(), None

    def __init__(self):
        self.records = Records()
        self.records.under_way = {str(number): Endless() for number in range(5000)}


async def test_an_event_is_never_larger_than_a_page_takes_it():
    rows = under_way(await Moments(Worker()).all(), None)
    assert len(rows) == 100
    assert {(len(row["prompt"]), len(row["metadata"])) for row in rows} == {(301, 0)}
    written = list(live._as_far_as_there_is_room(rows))
    assert 10 < len(written) < 100
    assert sum(map(len, written)) < 1 << 19


def test_requests_of_another_workspace_are_not_told():
    rows = [
        RequestRow(id=str(number), workspace=workspace, created_ms=1, trace_id="", operation="edit", status=0, ms=1)
        for number, workspace in enumerate(("mine", "theirs", "mine"))
    ]
    moments = [Moment(0, 0, [], [structs.replace(row, more='{"attempts": []}')]) for row in reversed(rows)]
    assert [row["id"] for row in under_way(moments, "mine")] == ["0", "2"]
    assert [row["id"] for row in under_way(moments, None)] == ["0", "1", "2"]


def test_a_target_that_one_worker_finds_sick_is_told_by_all(gateway, lines, provider):
    with painting(gateway, lines[0], provider, "finds out"):
        pass

    def is_sick(line):
        return health(gateway, line)[1]["broken"]["state"] == "sick"

    for line in lines:
        assert within(10, functools.partial(is_sick, line))
        told, targets = health(gateway, line)
        assert targets["broken"]["in_workers"] in (1, 2)
        assert targets["broken"]["for_seconds"] > 0
        assert (targets["broken"]["model"], targets["broken"]["latency_ms"]) == ("sandbox", None)
        assert (told["workers"], told["workers_heard"]) == (2, 2)
