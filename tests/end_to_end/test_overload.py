"""A full house and a server that stops: who is refused, how, and that nothing stuck holds up the end."""

import asyncio
import contextlib
import json
import signal
import socket
import struct
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.rig import large_answer
from tests.end_to_end.caller import ROUTE, ask, line_to, raw_request, target
from tests.end_to_end.process import memory
from tests.end_to_end.provider import Provider, within
from tests.load.crowd import FULL, Crowd
from tests.running import ROOT, serving

TEAM, OTHER = "test-team-key-not-real-1", "test-other-key-not-real-2"
KEYS = f"api_keys: [{{name: team, key: {TEAM}}}, {{name: other, key: {OTHER}}}]\n"


@pytest.fixture(scope="module")
def session_wall():
    with Provider() as provider:
        yield provider


@pytest.fixture
def wall(session_wall):
    session_wall.forget()
    return session_wall


@pytest.fixture
def small(tmp_path):
    """Start a gateway of one seat and one place to wait."""
    (tmp_path / "gateway.yaml").write_text("server: {max_in_flight: 1, max_queued: 1}\n")
    with serving(tmp_path) as running:
        yield running


@contextlib.contextmanager
def asking(gateway, config):
    """Hold a request on a line of its own."""
    with line_to(gateway) as line:
        line.sendall(raw_request(config))
        yield line


# --- a full house ---


async def test_acceptance_46_more_requests_than_seats(tmp_path, wall):
    (tmp_path / "gateway.yaml").write_text("server: {max_in_flight: 100, max_queued: 50}\n")
    with serving(tmp_path) as gateway:
        before = memory(gateway.process)
        crowds = [Crowd(gateway.url) for _ in range(300)]
        config = target(wall, "slow:1")
        answers = await asyncio.gather(*(crowd.ask(config) for crowd in crowds))
        grown = memory(gateway.process) - before
        for crowd in crowds:
            await crowd.__aexit__()
        warned = [line for line in gateway.lines if "overloaded:" in line]
    served = [got for got in answers if got.status == 200]
    refused = [got for got in answers if got.status != 200]
    assert (len(served), len(refused), len(wall.seen)) == (150, 150, 150)
    assert {(got.status, got.code) for got in refused} == {(503, "overloaded")}
    assert {got.headers["retry-after"] for got in refused} <= set("12345")
    assert max(got.seconds for got in refused) < min(got.seconds for got in served)
    assert sum(got.queued > 0 for got in served) == 50
    assert grown < 50 << 20
    assert len(warned) == 1


def test_health_is_told_in_a_full_house_and_the_queue_in_the_answer(small, wall):
    with ThreadPoolExecutor(2) as pool:
        first, second = (pool.submit(ask, small, config=target(wall, "slow:0.6")) for _ in range(2))
        assert wall.wait_for(1)
        assert within(1, lambda: ask(small, config=target(wall)).status == 503)
        assert ask(small, b"", method="GET", path="/livez").status == 200
        assert ask(small, b"", method="GET", path="/readyz").status == 200
        assert ask(small, b"", method="GET", path="/v1/models").status == 200
        timings = sorted(_queued(each.result()) for each in (first, second))
    assert timings[0] == 0
    assert 300 < timings[1] < 900
    assert len(wall.seen) == 2


def _queued(got):
    assert got.status == 200
    return float(got.headers["server-timing"].partition("queue;dur=")[2].partition(",")[0])


def test_the_wait_counts_against_the_callers_deadline_and_takes_a_tenth_of_it(small, wall):
    with asking(small, target(wall, "silent")):
        assert wall.wait_for(1)
        got = ask(small, config=target(wall), x_gateway_deadline="3000")
    assert (got.status, got.code) == (503, "overloaded")
    assert 0.3 <= got.seconds < 0.9


def test_who_leaves_the_queue_is_not_served(small, wall):
    with asking(small, target(wall, "slow:1")):
        assert wall.wait_for(1)
        with asking(small, target(wall, "left")):
            time.sleep(0.4)
            assert ask(small, config=target(wall)).status == 503
        assert within(0.5, lambda: ask(small, config=target(wall, "good")).status == 200)
    assert "left" not in wall.models


def test_a_refusal_keeps_a_connection_whose_request_is_whole_and_ends_any_other(small, wall):
    with asking(small, target(wall, "silent")), asking(small, target(wall, "silent")):
        assert wall.wait_for(1)
        assert within(1, lambda: ask(small, config=target(wall)).status == 503)
        request = raw_request(target(wall))
        with line_to(small) as line:
            for _ in range(2):
                line.sendall(request)
                head = line.recv(65536).partition(b"\r\n\r\n")[0].lower()
                assert b" 503 " in head
                assert b"connection:" not in head
        with line_to(small) as line:
            line.sendall(request[:-5])
            got = b"".join(iter(lambda: line.recv(65536), b""))
        assert b" 503 " in got.partition(b"\r\n")[0]
        assert b"connection: close" in got
        large = f"POST {ROUTE.replace('generations', 'edits')} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 50000000\r\n"
        with line_to(small) as line:
            line.sendall(large.encode() + b"Content-Type: multipart/form-data; boundary=a\r\n\r\n")
            began = time.monotonic()
            assert b" 503 " in line.recv(65536).partition(b"\r\n")[0]
            assert time.monotonic() - began < 1


def test_each_key_has_its_share(tmp_path, wall):
    (tmp_path / "gateway.yaml").write_text(
        "server: {max_in_flight: 10, max_in_flight_per_key: 2, max_queued: 0}\n" + KEYS
    )
    with serving(tmp_path) as gateway, ThreadPoolExecutor(6) as pool:
        config = target(wall, "slow:0.6")
        team = [pool.submit(ask, gateway, config=config, x_portkey_api_key=TEAM) for _ in range(4)]
        assert wall.wait_for(2)
        other = [
            pool.submit(ask, gateway, config=config, authorization=f"Bearer {OTHER}"),
            pool.submit(ask, gateway, config=config, x_portkey_api_key=OTHER),
        ]
        assert sorted(each.result().status for each in team) == [200, 200, 503, 503]
        assert [each.result().status for each in other] == [200, 200]
        nobody = ask(gateway, config=config, x_portkey_api_key="test-nobodys-key-not-real")
        assert (nobody.status, nobody.code) == (401, "invalid_api_key")


# --- the end ---


@contextlib.contextmanager
def stuck(gateway, wall):
    """Hold ten uploads that do not go on, and ten answers that nobody reads."""
    upload = raw_request(target(wall), b'{"prompt": "' + b"x" * 100_000)
    with contextlib.ExitStack() as lines:
        for _ in range(10):
            lines.enter_context(line_to(gateway)).sendall(upload[:-1000])
            reader = lines.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect(("127.0.0.1", int(gateway.url.rpartition(":")[2])))
            reader.sendall(raw_request(target(wall, "large-picture")))
        assert wall.wait_for(10)
        time.sleep(0.3)
        yield


@pytest.fixture
def large_wall(monkeypatch):
    monkeypatch.setattr("tests.end_to_end.provider.GOOD", large_answer(8 << 20))
    with Provider() as provider:
        yield provider


@pytest.mark.parametrize("again", [False, True] if FULL else [False])
def test_nothing_that_is_stuck_outlasts_the_limit(tmp_path, large_wall, again):
    seconds = "60" if again else "1"
    (tmp_path / "gateway.yaml").write_text("server: {byte_budget: 1073741824}\n")
    with serving(tmp_path, "--drain-seconds", seconds) as gateway, stuck(gateway, large_wall):
        gateway.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        if again:
            time.sleep(0.2)
            assert gateway.process.poll() is None
            gateway.process.send_signal(signal.SIGTERM)
        limit = 10 if again else float(seconds)
        assert gateway.process.wait(limit + 5) == 0
        assert limit - 0.1 <= time.monotonic() - began <= limit + 2.5


def test_a_stop_is_seen_at_once_and_loses_nothing(tmp_path, wall):
    """R14: 50 in flight."""
    seconds = 30 if FULL else 1.2
    with serving(tmp_path) as gateway, ThreadPoolExecutor(50) as pool:
        config = target(wall, f"slow:{seconds}")
        asked = [pool.submit(ask, gateway, config=config, timeout=60) for _ in range(50)]
        assert wall.wait_for(50)
        gateway.process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        assert within(1, lambda: ask(gateway, b"", method="GET", path="/readyz").status == 503)
        assert time.monotonic() - told < (0.1 if FULL else 0.5)
        late = ask(gateway, config=target(wall))
        assert (late.status, late.headers["connection"]) == (200, "close")
        answers = [each.result() for each in asked]
        ended = time.monotonic()
        assert gateway.process.wait(10) == 0
        assert time.monotonic() - ended < 2
    assert [got.status for got in answers] == [200] * 50


HANGS = """
    import asyncio, sys, time
    from gateway.server import process
    process._WATCHDOG_SECONDS = 0.3
    if sys.argv[1] == "asyncio":
        process._loop_factory = lambda: None
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": kind + ".complete"})
                if kind == "lifespan.shutdown":
                    return
        while True:
            time.sleep(30)
    sys.exit(process.run(lambda: (app, asyncio.Event()), host="127.0.0.1", port=0, drain_seconds=0.2, grace_seconds=0,
        on_bound=lambda bound: print(bound, flush=True)))
"""


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_the_process_ends_though_its_loop_hangs(loop):
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HANGS), loop], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as hanging:
        try:
            port = int(hanging.stdout.readline())
            with socket.create_connection(("127.0.0.1", port)) as line:
                line.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
                time.sleep(0.3)
                hanging.send_signal(signal.SIGTERM)
                assert hanging.wait(5) == 1
        finally:
            hanging.kill()


# --- callers that leave ---


def test_r13_nobody_works_for_a_caller_that_left(tmp_path, wall):
    """Callers leave at all moments, politely or not, while their provider works or a retry is due."""
    count = 100 if FULL else 30
    again = {"attempts": 5, "on_status_codes": [503]}
    configs = [target(wall, "slow:3"), target(wall, "status:503:0.2", retry=again | {"use_retry_after_header": True})]
    cuts = {}
    with serving(tmp_path) as gateway:

        def one(number):
            name = f"cut-{number}"
            with line_to(gateway) as line:
                config = configs[number % 2]
                body = json.dumps({"prompt": name}).encode()
                line.sendall(raw_request(config, body, f"x-portkey-trace-id: {name}"))
                time.sleep(0.6 * (number / count))
                if number % 4 < 2:
                    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            cuts[name] = time.monotonic()

        with ThreadPoolExecutor(20) as pool:
            list(pool.map(one, range(count)))
        time.sleep(1.2)
        seen = {name: [each for each in wall.seen if each.json["prompt"] == name] for name in cuts}
        lines = {name: [line for line in gateway.lines if line.endswith(f"trace={name}\n")] for name in cuts}
    late = [name for name, at in cuts.items() if any(each.at > at + 0.35 for each in seen[name])]
    assert late == []
    running = {name: each for name in cuts for each in seen[name] if each.model.startswith("slow")}
    assert len(running) > count // 3
    for name, each in running.items():
        assert each.left_at is not None, name
        assert each.left_at - cuts[name] < 1, name
        assert ["maybe_billed=1" in line for line in lines[name]] == [True], name
    assert max(map(len, lines.values())) == 1
