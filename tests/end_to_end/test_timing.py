"""Time: what is waited for, what ends a wait, and what happens when the caller does not wait at all."""

import email.utils
import itertools
import json
import struct
import time
from socket import SO_LINGER, SOL_SOCKET

import pytest

from tests.end_to_end.caller import ask, fallback, line_to, raw_request, target
from tests.end_to_end.provider import within

AGAIN = {"attempts": 2, "on_status_codes": [429, 503], "use_retry_after_header": True}


def gaps(provider):
    times = [seen.at for seen in provider.seen]
    return [after - before for before, after in itertools.pairwise(times)]


# --- waits that the provider asks for ---


@pytest.mark.parametrize(
    ("hint", "shortest", "longest"), [("1", 1.0, 1.3), ("0.4", 0.4, 0.65)], ids=["seconds", "decimals"]
)
def test_retry_after_is_kept(gateway, provider, hint, shortest, longest):
    got = ask(gateway, config=target(provider, f"once:429:{hint}", retry=AGAIN), prompt=f"wait {hint}")
    assert (got.status, got.attempts, got.headers["x-portkey-retry-attempt-count"]) == (200, 2, "1")
    assert shortest <= gaps(provider)[0] <= longest


def test_retry_after_as_a_date(gateway, provider):
    at = int(time.time()) + 2  # noqa: TID251 - a date on the wire is wall time
    hint = email.utils.formatdate(at, usegmt=True)
    got = ask(gateway, config=target(provider, f"once:503:{hint}", retry=AGAIN), prompt="dated")
    assert (got.status, got.attempts) == (200, 2)
    assert 0.9 <= gaps(provider)[0] <= 2.4


def test_retry_after_in_milliseconds(gateway, provider):
    got = ask(gateway, config=target(provider, "status-ms:429:300", retry=AGAIN | {"attempts": 1}))
    assert (got.status, got.attempts) == (429, 2)
    assert 0.3 <= gaps(provider)[0] <= 0.55
    assert got.headers["retry-after"] == "1"


@pytest.mark.parametrize("hint", ["-1", "abc", "Mon, 01 Jan 2024 00:00:00 GMT", "NaN", "", "1 2"])
def test_a_hint_that_says_nothing_leaves_the_ordinary_back_off(gateway, provider, hint):
    got = ask(gateway, config=target(provider, f"once:503:{hint}", retry=AGAIN), prompt=f"odd {hint}")
    assert (got.status, got.attempts) == (200, 2)
    assert gaps(provider)[0] < 0.7


@pytest.mark.parametrize("hint", ["3600", "1e999", "99999999999999999999"])
def test_a_wait_that_is_too_long_is_not_begun(gateway, provider, hint):
    got = ask(gateway, config=target(provider, f"status:429:{hint}", retry=AGAIN))
    assert (got.status, got.code, got.attempts) == (429, "upstream_rate_limited", 1)
    assert int(got.headers["retry-after"]) >= 3600
    assert got.seconds < 1
    got = ask(gateway, config=fallback(target(provider, f"status:429:{hint}", retry=AGAIN), target(provider)))
    assert (got.status, got.attempts) == (200, 2)
    assert got.seconds < 1


def test_a_wait_over_two_seconds_yields_to_a_sibling(gateway, provider):
    got = ask(gateway, config=fallback(target(provider, "status:429:3", retry=AGAIN), target(provider)))
    assert (got.status, got.attempts) == (200, 2)
    assert got.seconds < 1


# --- limits ---


@pytest.mark.parametrize("model", ["silent", "stalls:100", "dribble:0.02"])
def test_request_timeout_covers_the_whole_answer(gateway, provider, model):
    got = ask(gateway, config=target(provider, model, request_timeout=300))
    assert (got.status, got.code, got.maybe_billed, got.attempts) == (408, "timeout_error", 1, 1)
    assert got.final == "false"
    assert 0.3 <= got.seconds < 0.8
    assert within(1, lambda: provider.seen[0].left_at)


def test_request_timeout_as_a_header(gateway, provider):
    got = ask(gateway, config=target(provider, "silent", request_timeout=60000), x_portkey_request_timeout="250")
    assert (got.status, got.code) == (408, "timeout_error")
    assert got.seconds < 0.8


def test_a_timeout_is_not_repeated_on_its_target_unless_listed(gateway, provider):
    slow = target(provider, "silent", request_timeout=150)
    got = ask(gateway, config=slow | {"retry": {"attempts": 3}})
    assert (got.attempts, got.maybe_billed) == (1, 1)
    got = ask(gateway, config=slow | {"retry": {"attempts": 3, "on_status_codes": [408]}})
    assert (got.attempts, got.maybe_billed) == (2, 2)


def test_a_silent_primary_is_saved_in_time(gateway, provider):
    config = fallback(target(provider, "silent", request_timeout=300), target(provider))
    got = ask(gateway, config=config)
    assert (got.status, got.attempts, got.maybe_billed) == (200, 2, 1)
    assert got.seconds < 0.9
    got = ask(gateway, config=config | {"billing": "strict"})
    assert (got.status, got.code, got.final) == (408, "timeout_error", "false")


def test_the_callers_deadline_ends_everything(gateway, provider):
    retry = {"attempts": 5, "on_status_codes": [408]}
    config = fallback(target(provider, "silent", request_timeout=400, retry=retry), target(provider, "silent"))
    got = ask(gateway, config=config | {"billing": "any"}, x_gateway_deadline="1000")
    assert (got.status, got.code, got.final) == (504, "deadline_exceeded", "false")
    assert 1.0 <= got.seconds < 1.4
    sent = len(provider.seen)
    time.sleep(0.3)
    assert len(provider.seen) == sent
    assert got.maybe_billed == sent
    assert within(1, lambda: all(seen.left_at for seen in provider.seen))


def test_deadline_of_a_config(gateway, provider):
    got = ask(gateway, config=target(provider, "silent", deadline=200))
    assert (got.status, got.code) == (504, "deadline_exceeded")
    assert got.seconds < 0.6


def test_the_deadline_of_a_config_bounds_the_callers(gateway, provider):
    got = ask(gateway, config=target(provider, "silent", deadline=200), x_gateway_deadline="600000")
    assert (got.status, got.code) == (504, "deadline_exceeded")
    assert got.seconds < 0.6


def test_what_is_done_before_its_deadline_is_delivered(gateway, provider):
    assert ask(gateway, config=target(provider, "slow:0.7"), x_gateway_deadline="1000").status == 200


def test_back_off_ends_with_the_deadline(gateway, provider):
    retry = {"attempts": 5, "use_retry_after_header": True}
    got = ask(gateway, config=target(provider, "status:503:20", retry=retry), x_gateway_deadline="1000")
    assert (got.status, got.code, got.attempts) == (503, "upstream_rate_limited", 1)
    assert got.seconds < 0.5


# --- the caller leaves ---


def leave(line, how):
    if how == "reset":
        line.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


AHEAD = b"GET /livez HTTP/1.1\r\nHost: gateway.test\r\n\r\n"
LEAVING = {
    "plainly": ("close", b""),
    "by a reset": ("reset", b""),
    "with a request sent ahead": ("close", AHEAD),
    "with half a request sent ahead, by a reset": ("reset", AHEAD[:12]),
}


@pytest.mark.parametrize(("how", "ahead"), LEAVING.values(), ids=LEAVING)
def test_leaving_while_a_provider_works(gateway, provider, how, ahead):
    config = fallback(target(provider, "silent"), target(provider))
    with line_to(gateway) as line:
        line.sendall(raw_request(config) + ahead)
        assert provider.wait_for(1)
        time.sleep(0.1)
        leave(line, how)
        left = time.monotonic()
    assert within(2, lambda: provider.seen[0].left_at)
    assert provider.seen[0].left_at - left < 1
    time.sleep(0.2)
    assert provider.models == ["silent"]


def test_leaving_long_after_the_request_began(gateway, provider):
    with line_to(gateway) as line:
        line.sendall(raw_request(target(provider, "silent")))
        assert provider.wait_for(1)
        time.sleep(0.6)
        leave(line, "close")
        left = time.monotonic()
    assert within(2, lambda: provider.seen[0].left_at)
    assert provider.seen[0].left_at - left < 0.3


def test_leaving_during_the_answer_of_a_provider(gateway, provider):
    with line_to(gateway) as line:
        line.sendall(raw_request(fallback(target(provider, "stalls:150"), target(provider))))
        assert provider.wait_for(1)
        time.sleep(0.4)
        leave(line, "close")
    assert within(1, lambda: provider.seen[0].left_at)
    assert provider.models == ["stalls:150"]


def test_leaving_during_back_off(gateway, provider):
    config = target(provider, "status:503:1", retry={"attempts": 3, "use_retry_after_header": True})
    with line_to(gateway) as line:
        line.sendall(raw_request(config))
        assert provider.wait_for(1)
        time.sleep(0.3)
        leave(line, "close")
    time.sleep(1.2)
    assert len(provider.seen) == 1


def test_leaving_before_the_body_is_whole(gateway, provider):
    with line_to(gateway) as line:
        line.sendall(raw_request(target(provider), b'{"prompt": "an otter"}')[:-5])
        time.sleep(0.1)
        leave(line, "close")
    time.sleep(0.2)
    assert provider.seen == []


def test_pipelined_requests_are_answered_in_order(gateway, provider):
    configs = [target(provider, "slow:0.4"), target(provider, "status:500"), target(provider, "good")]
    with line_to(gateway) as line:
        line.sendall(b"".join(map(raw_request, configs)))
        got, bodies = b"", []
        while got.count(b"HTTP/1.1 ") < 3 or not got.endswith(b"}"):
            part = line.recv(65536)
            assert part
            got += part
        bodies = [json.loads(each.partition(b"\r\n\r\n")[2]) for each in got.split(b"HTTP/1.1 ")[1:]]
    assert ["error" in body for body in bodies] == [False, True, False]
    assert provider.models == ["slow:0.4", "status:500", "good"]
    assert gaps(provider)[0] >= 0.4
