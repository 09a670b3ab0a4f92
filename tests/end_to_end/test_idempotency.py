"""Acceptance case 45 and R6: one key is one run, over callers that leave, workers, and a gateway that is killed."""

import asyncio
import contextlib
import json
import os
import signal
import threading
import time

import pytest

from tests.end_to_end.caller import ROUTE, ask, fallback, line_to, raw_request, target
from tests.end_to_end.provider import Provider, within
from tests.running import serving

GATEWAY = """
api_keys:
  - {name: team-a, key: key-of-team-a-not-real}
  - {name: team-b, key: key-of-team-b-not-real, workspace_id: b}
"""
A, B = "key-of-team-a-not-real", "key-of-team-b-not-real"


@pytest.fixture(scope="module")
def painter():
    with Provider() as provider:
        yield provider


@pytest.fixture
def provider(painter):
    painter.forget()
    return painter


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("idempotency")
    (folder / "gateway.yaml").write_text(GATEWAY)
    data = tmp_path_factory.mktemp("data")
    with serving(folder, "--workers", "2", "--data", str(data)) as running:
        yield running


def once(gateway, config, key, *, team=A, **more):
    return ask(gateway, config=config, idempotency_key=key, **{"x-portkey-api-key": team}, **more)


def at_once(*works):
    """Return what each returns, all of them begun together."""
    found = [None] * len(works)

    def run(number, work):
        found[number] = work()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def replayed(answer):
    return answer.headers.get("idempotent-replayed")


def test_a_hundred_duplicates_are_one_call_and_a_hundred_equal_bodies(two_workers, provider):
    config = target(provider, "slow:0.5")
    answers = at_once(*[lambda: once(two_workers, config, "case-45")] * 100)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert (len(provider.seen), provider.billed) == (1, 1)
    assert [replayed(answer) for answer in answers].count(None) == 1
    assert len({answer.headers["x-portkey-trace-id"] for answer in answers}) == 100


def test_another_body_is_refused_while_it_runs_and_after_it(two_workers, provider):
    config = target(provider, "slow:0.5")
    first, *others = at_once(
        lambda: once(two_workers, config, "other-body"),
        *[lambda: time.sleep(0.2) or once(two_workers, config, "other-body", prompt="a heron")] * 6,
    )
    others.append(once(two_workers, config, "other-body", prompt="a heron"))
    assert first.status == 200
    assert {(answer.status, answer.code) for answer in others} == {(422, "idempotency_key_reused")}
    assert len(provider.seen) == 1


def test_ten_keys_of_fifty_duplicates_over_two_workers_are_ten_calls(two_workers, provider):
    config = target(provider, "slow:0.3")
    keys = [f"r6-{number}" for number in range(10)]
    answers = at_once(*[lambda key=key: (key, once(two_workers, config, key, prompt=key)) for key in keys * 50])
    assert {answer.status for _, answer in answers} == {200}
    assert len(provider.seen) == 10
    assert len({(key, answer.body) for key, answer in answers}) == 10
    firsts = [key for key, answer in answers if replayed(answer) is None]
    assert sorted(firsts) == sorted(keys)


def test_two_tenants_share_neither_key_nor_answer(two_workers, provider):
    config = target(provider)
    answers = [once(two_workers, config, "shared", team=team) for team in (A, B, A, B)]
    assert [replayed(answer) for answer in answers] == [None, None, "true", "true"]
    assert len(provider.seen) == 2


def test_an_answer_is_the_same_to_the_byte_when_it_is_given_again(two_workers, provider):
    config = fallback(target(provider, "status:500"), target(provider, "sized:1200:1200"))
    first, second = (once(two_workers, config, "again") for _ in range(2))
    assert first.body == second.body
    own = {"x-portkey-trace-id", "server-timing", "idempotent-replayed", "date"}
    told = [{name: value for name, value in each.headers.items() if name not in own} for each in (first, second)]
    assert told[0] == told[1]
    assert (replayed(second), second.attempts) == ("true", 2)
    assert provider.models == ["status:500", "sized:1200:1200"]


@pytest.mark.parametrize(
    ("model", "status", "kept"),
    [
        ("status:500", 500, True),
        ("refused", 400, True),
        ("says:no data", 502, True),
        ("closed", 502, True),
        ("status:429:1", 429, False),
    ],
    ids=str,
)
def test_a_failure_that_may_have_cost_money_is_kept_and_one_that_passes_is_not(
    two_workers, provider, model, status, kept
):
    config = target(provider, model)
    answers = [once(two_workers, config, "failed-" + model.replace(" ", "-")) for _ in range(2)]
    assert [answer.status for answer in answers] == [status, status]
    assert replayed(answers[1]) == ("true" if kept else None)
    assert len(provider.seen) == 1 or not kept


def test_a_refusal_before_anything_is_sent_leaves_the_key_free(two_workers, provider, closed_port):
    refused = once(two_workers, target(provider), "free", body={"prompt": 5})
    unreachable = once(two_workers, target(closed_port), "free-2")
    again = once(two_workers, target(closed_port), "free-2")
    assert (refused.status, unreachable.code, replayed(again)) == (400, "upstream_unreachable", None)
    assert once(two_workers, target(provider), "free").status == 200


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_a_key_has_to_be_visible_ascii(two_workers, provider, key):
    answer = once(two_workers, target(provider), key)
    assert (answer.status, answer.error["param"]) == (400, "idempotency-key")
    assert provider.seen == []


def test_explaining_takes_no_key(two_workers, provider):
    config = target(provider)
    assert once(two_workers, config, "explained", **{"x-gateway-explain": "true"}).json["tree"]["path"] == "config"
    assert replayed(once(two_workers, config, "explained")) is None


def test_a_caller_that_leaves_does_not_pay_twice(two_workers, provider):
    config = target(provider, "slow:1")
    lines = ("idempotency-key: left", f"x-portkey-api-key: {A}")
    with line_to(two_workers) as line:
        line.sendall(raw_request(config, b'{"prompt": "an otter"}', *lines))
        assert provider.wait_for(1)
        time.sleep(0.4)  # by now somebody watches whether it is still there
    answer = once(two_workers, config, "left")
    assert (answer.status, replayed(answer)) == (200, "true")
    assert provider.seen[0].left_at is None
    assert len(provider.seen) == 1


def test_events_are_given_again_as_they_were(two_workers, provider):
    body = {"prompt": "an otter", "stream": True, "model": "dall-e-3"}

    async def read():
        host, _, port = two_workers.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        config = json.dumps({"provider": "sandbox"})
        data = json.dumps(body).encode()
        head = [
            f"POST {ROUTE} HTTP/1.1",
            "Host: gateway.test",
            "Content-Type: application/json",
            f"Content-Length: {len(data)}",
            f"x-portkey-config: {config}",
            f"x-portkey-api-key: {A}",
            "idempotency-key: events",
            "Connection: close",
        ]
        writer.write("\r\n".join([*head, "", ""]).encode() + data)
        raw = await reader.read()
        writer.close()
        await writer.wait_closed()
        return raw.split(b"\r\n\r\n", 1)

    (first, events), (second, again) = (asyncio.run(read()) for _ in range(2))
    assert events == again
    assert b"image_generation.completed" in events
    for head in (first, second):
        assert b"text/event-stream" in head
    assert (b"idempotent-replayed: true" in first, b"idempotent-replayed: true" in second) == (False, True)


@contextlib.contextmanager
def killed_in_the_middle(folder, data, provider, config, key):
    """Yield a gateway that was begun anew after another one was killed while it painted."""
    with serving(folder, "--data", str(data)) as gateway, line_to(gateway) as line:
        line.sendall(raw_request(config, b'{"prompt": "an otter"}', f"idempotency-key: {key}"))
        assert provider.wait_for(1)
        os.kill(gateway.process.pid, signal.SIGKILL)
        gateway.process.wait(10)
    with serving(folder, "--data", str(data)) as gateway:
        yield gateway


def test_after_kill_9_nobody_knows_and_nothing_is_sent_again(tmp_path, provider):
    (tmp_path / "configs").mkdir()
    config = target(provider, "silent")
    with killed_in_the_middle(tmp_path / "configs", tmp_path / "data", provider, config, "killed") as gateway:
        for _ in range(2):
            answer = ask(gateway, config=config, idempotency_key="killed")
            assert (answer.status, answer.code, answer.final) == (409, "outcome_unknown", "false")
        other = ask(gateway, config=config, idempotency_key="killed", prompt="a heron")
        assert (other.status, other.code) == (422, "idempotency_key_reused")
        assert len(provider.seen) == 1
        assert ask(gateway, config=target(provider), idempotency_key="a-new-key").status == 200


def test_an_answer_outlives_the_gateway_and_is_paid_once(tmp_path, provider):
    (tmp_path / "configs").mkdir()
    config = target(provider)
    bodies = []
    for _ in range(2):
        with serving(tmp_path / "configs", "--data", str(tmp_path / "data")) as gateway:
            bodies.append(ask(gateway, config=config, idempotency_key="kept").body)
    assert bodies[0] == bodies[1]
    assert len(provider.seen) == 1


def test_a_gateway_that_stops_lets_a_run_end_whose_caller_has_left(tmp_path, provider):
    (tmp_path / "configs").mkdir()
    config = target(provider, "slow:1.5")
    with serving(tmp_path / "configs", "--data", str(tmp_path / "data")) as gateway:
        with line_to(gateway) as line:
            line.sendall(raw_request(config, b'{"prompt": "an otter"}', "idempotency-key: stopped"))
            assert provider.wait_for(1)
            time.sleep(0.4)
        assert within(5, lambda: any("goes on" in line for line in gateway.lines))
        assert gateway.stop() == 0
    with serving(tmp_path / "configs", "--data", str(tmp_path / "data")) as gateway:
        answer = ask(gateway, config=config, idempotency_key="stopped")
    assert (answer.status, replayed(answer), len(provider.seen)) == (200, "true", 1)


def test_without_a_folder_keys_are_refused_and_all_else_works(tmp_path, provider):
    (tmp_path / "configs").mkdir()
    (tmp_path / "file").write_bytes(b"")
    nowhere = {"XDG_STATE_HOME": str(tmp_path / "file")}
    with serving(tmp_path / "configs", "--data", "", env=nowhere) as gateway:
        refused = ask(gateway, config=target(provider), idempotency_key="nowhere")
        assert (refused.status, refused.error["param"]) == (400, "idempotency-key")
        assert "--data" in refused.error["message"]
        assert ask(gateway, config=target(provider)).status == 200
    assert len(provider.seen) == 1
