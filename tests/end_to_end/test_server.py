"""The server: connections from the first byte to the last, and how the process ends."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from gateway.http.body import until_gone
from gateway.server import CannotBind, bind, is_loopback
from gateway.server.connection import Patience
from gateway.server.serving import Drain
from tests.end_to_end.raw_client import app_of, connect, reply, request, serving

ROOT = Path(__file__).parents[2]


async def says_path(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await asyncio.sleep(0.02 if scope["path"] == "/slow" else 0)
    await reply(send, scope["raw_path"])


async def test_requests_sent_ahead_are_answered_in_order():
    async with serving(app_of(says_path)) as server, connect(server.port) as client:
        await client.send(request(b"/slow") + request(b"/b", method=b"POST", body=b"x" * 100) + request(b"/c"))
        assert [(await client.answer()).body for _ in range(3)] == [b"/slow", b"/b", b"/c"]


@pytest.mark.parametrize("ahead", [b"", request(b"/next")], ids=["plainly", "with a request sent ahead"])
async def test_leaving_is_noticed(ahead):
    gone = asyncio.Event()
    paths = []

    async def waits(scope, receive, _):
        paths.append(scope["path"])
        await until_gone(receive)
        gone.set()

    async with serving(app_of(waits)) as server:
        async with connect(server.port) as client:
            await client.send(request(b"/first") + ahead)
            await asyncio.sleep(0.05)
        async with asyncio.timeout(1):
            await gone.wait()
    assert paths == ["/first"]


async def test_head_request_and_empty_status():
    async with serving(app_of(says_path)) as server, connect(server.port) as client:
        await client.send(request(b"/abc", method=b"HEAD"))
        answer = await client.answer("HEAD")
        assert (answer.headers["content-length"], answer.body) == ("4", b"")
        await client.send(request(b"/d"))
        assert (await client.answer()).body == b"/d"


async def test_stream_leaves_as_it_is_made():
    go = asyncio.Event()

    async def streams(_, __, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await go.wait()
        await send({"type": "http.response.body", "body": b"two"})

    async with serving(app_of(streams)) as server, connect(server.port) as client:
        await client.send(request())
        assert b"3\r\none\r\n" in await client.reader.readuntil(b"one\r\n")
        go.set()
        assert (await client.reader.readuntil(b"0\r\n\r\n")) == b"3\r\ntwo\r\n0\r\n\r\n"


async def test_failing_application_answers_in_the_envelope(caplog):
    async def fails(*_):
        raise ValueError("secret")

    async with serving(app_of(fails)) as server, connect(server.port) as client:
        await client.send(request())
        answer = await client.answer()
        assert (answer.status, answer.code) == (500, "internal_error")
        assert b"secret" not in answer.body
    assert "The application failed" in caplog.text


async def test_response_header_cannot_be_split(caplog):
    async def splits(_, __, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"a\r\nset-cookie: b")]})
        await send({"type": "http.response.body"})

    async with serving(app_of(splits)) as server, connect(server.port) as client:
        await client.send(request())
        assert (await client.answer()).status == 500
    assert "may not stand there" in caplog.text


async def test_slow_head_and_idle_connection_are_cut():
    patience = Patience(idle=0.2, head=0.2, sweep=0.02)
    async with serving(app_of(says_path), patience=patience) as server:
        async with connect(server.port) as client:
            await client.send(*[bytes([one]) for one in request()[:20]], gap=0.005)
            assert await client.closed(1)
        async with connect(server.port) as client:
            await client.send(request())
            assert (await client.answer()).status == 200
            assert await client.closed(1)


async def test_client_that_does_not_read_is_cut():
    ended = asyncio.Event()

    async def floods(_, __, send):
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(50):
                await send({"type": "http.response.body", "body": b"x" * (1 << 20), "more_body": True})
        finally:
            ended.set()

    patience = Patience(stalled=0.2, sweep=0.02)
    async with serving(app_of(floods), patience=patience) as server, connect(server.port) as client:
        client.writer.transport.pause_reading()
        await client.send(request())
        async with asyncio.timeout(2):
            await ended.wait()


async def test_large_bodies_pass_whole_both_ways():
    body = os.urandom(3 << 20)

    async def echoes(_, receive, send):
        parts = []
        while True:
            message = await receive()
            parts.append(message["body"])
            await asyncio.sleep(0)
            if not message["more_body"]:
                break
        await reply(send, b"".join(parts))

    async with serving(app_of(echoes)) as server, connect(server.port) as client:
        await client.send(request(b"/", method=b"POST", body=body))
        assert (await client.answer()).body == body


def waiting(seconds):
    began = asyncio.Event()

    async def waits(_, __, send):
        began.set()
        await asyncio.sleep(seconds)
        await reply(send)

    return app_of(waits), began


async def test_stopping_lets_answers_finish_and_closes_idle_connections():
    app, began = waiting(0.4)
    async with serving(app) as server, connect(server.port) as client, connect(server.port) as idle:
        await client.send(request())
        await began.wait()
        server.stop.set()
        assert await idle.closed(0.3)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        async with asyncio.timeout(1):
            await server.task


async def test_stopping_hears_new_requests_during_the_grace_only():
    app, began = waiting(0.5)
    async with serving(app, drain=Drain(seconds=5, grace=0.2)) as server, connect(server.port) as client:
        await client.send(request())
        await began.wait()
        server.stop.set()
        async with connect(server.port) as late:
            await late.send(request())
            await asyncio.sleep(0.35)
            with pytest.raises(OSError):  # noqa: PT011 - refused or reset, as the system likes
                await asyncio.open_connection("127.0.0.1", server.port)
            assert (await client.answer()).status == 200
            assert (await late.answer()).headers["connection"] == "close"


@pytest.mark.parametrize("hurry", [False, True], ids=["at the limit", "at the second signal"])
async def test_stopping_cancels_what_outlasts_the_drain(hurry):
    app, began = waiting(60)
    drain = Drain(seconds=30 if hurry else 0.2, grace=0, hurried=0.1)
    async with serving(app, drain=drain) as server, connect(server.port) as client:
        await client.send(request())
        await began.wait()
        server.stop.set()
        if hurry:
            drain.hurry.set()
        answer = await client.answer()
        assert (answer.status, answer.code) == (503, "shutting_down")


PROGRAM = """
    import asyncio, sys
    from gateway.server import run
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": kind + ".complete"})
                if kind == "lifespan.shutdown":
                    return
        if scope["path"] == "/wait":
            await asyncio.sleep(0.6)
        if scope["path"] == "/forever":
            await asyncio.sleep(60)
        import os
        body = b"%d" % os.getpid()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})
    port, workers, drain = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    sys.exit(run(lambda: (app, asyncio.Event()), host="127.0.0.1", port=port, workers=workers, drain_seconds=drain,
        grace_seconds=0, on_bound=lambda bound: print(bound, flush=True)))
"""


@contextlib.asynccontextmanager
async def process(port=0, workers=1, drain=30.0):
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(port), str(workers), str(drain)]
    started = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)  # with its workers, which hold its outputs open
        await started.communicate()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_finishes_what_was_begun(number, workers):
    async with process(workers=workers) as server:
        port = int(await server.stdout.readline())
        async with connect(port) as client:
            await client.send(request(b"/wait"))
            await asyncio.sleep(0.3)
            server.send_signal(number)
            assert (await client.answer()).status == 200
        _, said = await asyncio.wait_for(
            server.communicate(), 20
        )  # a hang is a fault; how quick it is, test_lifecycle.py asks
        assert (server.returncode, said) == (0, b"")


async def test_drain_limit_ends_the_process():
    async with process(drain=0.2) as server:
        port = int(await server.stdout.readline())
        async with connect(port) as client:
            await client.send(request(b"/forever"))
            await asyncio.sleep(0.2)
            server.send_signal(signal.SIGTERM)
            assert (await client.answer()).code == "shutting_down"
        await asyncio.wait_for(server.wait(), 5)


async def test_workers_share_the_port():
    async with process(workers=2) as server:
        port = int(await server.stdout.readline())
        seen = set()
        until = time.monotonic() + 20  # on a busy machine the second may begin long after the first
        while len(seen) < 2 and time.monotonic() < until:
            async with connect(port) as client:
                await client.send(request())
                seen.add((await client.answer()).body)
        assert len(seen) == 2
        server.terminate()
        assert await asyncio.wait_for(server.wait(), 5) == 0


async def test_workers_whose_parent_is_killed_finish_what_was_begun_and_end():
    async with process(workers=2) as server:
        port = int(await server.stdout.readline())
        async with connect(port) as client:
            await client.send(request(b"/wait"))
            await asyncio.sleep(0.3)
            server.kill()
            assert (await client.answer()).status == 200
        _, said = await asyncio.wait_for(server.communicate(), 20)  # until the last worker lets go of its outputs
        assert said == b""
        bind("127.0.0.1", port).close()


async def test_port_in_use_is_said_in_a_sentence():
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        async with process(port) as server:
            _, said = await asyncio.wait_for(server.communicate(), 10)
        assert server.returncode == 2
        assert f"Port {port} on 127.0.0.1 is in use" in said.decode()
        assert "Traceback" not in said.decode()


@pytest.mark.parametrize("host", ["no such host.invalid", "192.0.2.1"])
def test_foreign_address_is_said_in_a_sentence(host):
    with pytest.raises(CannotBind, match="not an address of this machine"):
        bind(host, 0)


def test_loopback_is_what_only_this_machine_reaches():
    assert all(is_loopback(host) for host in ["127.0.0.1", "127.1.2.3", "localhost", "LOCALHOST.", "::1", "[::1]"])
    assert not any(is_loopback(host) for host in ["0.0.0.0", "::", "10.0.0.1", "example.org", "", "localhost.evil"])  # noqa: S104
