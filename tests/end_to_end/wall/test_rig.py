"""The wall's own parts: a rig that lets everything pass would prove nothing."""

import socket
import time
from dataclasses import replace

import pytest

from tests.end_to_end.provider import within
from tests.end_to_end.wall import client
from tests.end_to_end.wall.judge import FAIL, PARTIAL, PASS, Result, look
from tests.end_to_end.wall.legs import Leg, first, served
from tests.end_to_end.wall.page import summary
from tests.end_to_end.wall.pictures import Painter, answer, painted, painter_of, painters_in
from tests.end_to_end.wall.provider import Attempt, Provider, key_of
from tests.end_to_end.wall.proxy import Proxy, Toxics

TENANT = "a-tenant"
PAINTER = Painter(TENANT, "first", "good")


@pytest.fixture(scope="module")
def wall():
    with Provider() as provider:
        yield provider


def sent(model="good", *, key=None, body=None, **headers):
    """Return the bytes of a request as a gateway sends it."""
    content = body or b'{"prompt":"an otter","model":"%b"}' % model.encode()
    lines = {
        "host": "127.0.0.1:1",
        "authorization": f"Bearer {key or key_of(TENANT, 'first')}",
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-length": str(len(content)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST /v1/images/generations HTTP/1.1\r\n{head}\r\n".encode() + content


def ask(port, data, seconds=5):
    with client.Line(port, seconds) as line:
        line.send(data)
        return line.answer()


# --- the provider ---


@pytest.mark.parametrize(
    "request_",
    [
        sent(key="test-a-tenant.first-stolen-not-real"),
        sent(key=key_of("nobody", "first")),
        sent(x_portkey_config="{}"),
        sent(accept_encoding="gzip"),
        sent(content_type="text/plain"),
        sent(body=b'{"prompt":"a","prompt":"b"}'),
        sent(body=b'{"prompt":"a","n":NaN}'),
        sent(body=b'{"prompt":"a","model":"good","config":{}}'),
        sent(body=b'{"model":"good"}'),
        sent().replace(b"/v1/images", b"//v1/images"),
    ],
)
def test_the_provider_takes_nothing_that_is_not_as_it_should_be(wall, request_):
    wall.open(TENANT)
    before = len(wall.of(TENANT)), len(wall.wrong)
    assert ask(wall.port, request_).status in (400, 401)
    assert (len(wall.of(TENANT)), len(wall.wrong)) == (before[0], before[1] + 1)


@pytest.mark.parametrize(
    ("model", "points"),
    [
        ("good", ("on_accept", "on_start", "on_finish")),
        ("large:12000000", ("on_accept", "on_start")),
        ("silent", ("on_accept",)),
        ("status:500", ()),
        ("policy", ()),
    ],
)
def test_money_is_due_when_the_tenant_has_agreed(model, points):
    with Provider() as wall:
        billed = []
        for point in ("on_accept", "on_start", "on_finish"):
            tenant = point.replace("_", "-")
            wall.open(tenant, point)
            with client.Line(wall.port) as line:
                line.send(sent(model, key=key_of(tenant, "first")))
                if model != "silent":
                    line.socket.recv(10)
                assert within(5, lambda tenant=tenant: wall.of(tenant))
                if model == "good":
                    assert within(5, lambda tenant=tenant: wall.of(tenant)[0].answered)
            if wall.billed(tenant):
                billed.append(point)
        assert tuple(billed) == points


def test_a_picture_is_known_by_every_bit():
    whole = painted(PAINTER)
    assert painter_of(whole) == PAINTER
    assert painter_of(whole[:-1]) is None
    assert painter_of(whole[:200] + b"x" + whole[201:]) is None
    assert painters_in(answer(PAINTER)) == [PAINTER]
    assert painters_in(answer(PAINTER)[:-1]) == []


# --- the line ---


@pytest.mark.parametrize(
    ("down", "bytes_", "whole"),
    [
        (Toxics(), None, True),
        (Toxics(slice=500), None, True),
        (Toxics(cut_after=300), 300, False),
        (Toxics(reset_after=0), 0, False),
        (Toxics(black_hole_after=200), 200, False),
    ],
)
def test_what_passes_a_line(wall, down, bytes_, whole):
    wall.open(TENANT)
    with Proxy(wall.port, down=down) as proxy:
        got = ask(proxy.port, sent(), seconds=0.3)
        assert got.whole is whole
        assert got.seconds < 0.3 or down.black_hole_after
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=0.3) as line:
            line.sendall(sent())
            assert received(line) > 16_000 if bytes_ is None else received(line) == bytes_
        assert within(2, lambda: not proxy.lines)


def received(line):
    """Return how many bytes come."""
    count = 0
    try:
        while data := line.recv(1 << 16):
            count += len(data)
    except OSError:
        pass
    return count


@pytest.mark.parametrize(
    ("down", "least"),
    [
        (Toxics(latency=0.3), 0.3),
        (Toxics(latency=0.3, jitter=0.1), 0.2),
        (Toxics(bandwidth=50_000), 0.3),
        (Toxics(slice=1000, pause=0.02), 0.3),
    ],
)
def test_a_slow_line_takes_its_time(wall, down, least):
    wall.open(TENANT)
    began = time.monotonic()
    with Proxy(wall.port, down=down) as proxy:
        assert painters_in(ask(proxy.port, sent()).body) == [PAINTER]
    assert time.monotonic() - began >= least


# --- the judge ---

LEG = Leg(name="a leg", aims=(first(),), gets=served("first"), sees={"first": 1}, bills=1)
HEADERS = {"x-gateway-attempts": "1", "x-gateway-maybe-billed": "0"}
GOT = client.Got(0.1, 200, HEADERS, answer(PAINTER), whole=True)
SEEN = Attempt(0.0, PAINTER, {}, {}, billed=True, answered=True)


def judged(got=GOT, attempts=(SEEN,), leg=LEG):
    result = Result("a scenario")
    look(result, leg, TENANT, got, list(attempts))
    return result.verdict


@pytest.mark.parametrize(
    ("got", "attempts", "verdict"),
    [
        (GOT, [SEEN], PASS),
        (replace(GOT, whole=False), [SEEN], FAIL),
        (replace(GOT, status=502), [SEEN], FAIL),
        (replace(GOT, status=None, body=b""), [SEEN], FAIL),
        (replace(GOT, body=GOT.body[:-40]), [SEEN], FAIL),
        (replace(GOT, body=answer(PAINTER._replace(tenant="another"))), [SEEN], FAIL),
        (replace(GOT, body=answer(PAINTER._replace(target="second"))), [SEEN], FAIL),
        (replace(GOT, body=answer(PAINTER, painted(PAINTER)[:-9])), [SEEN], FAIL),
        (GOT, [SEEN, SEEN], FAIL),
        (GOT, [SEEN, replace(SEEN, billed=False)], FAIL),
        (replace(GOT, headers={**HEADERS, "x-gateway-attempts": "2"}), [SEEN], PARTIAL),
        (replace(GOT, headers={**HEADERS, "x-gateway-maybe-billed": "1"}), [SEEN], PARTIAL),
        (replace(GOT, headers={**HEADERS, "x-should-retry": "false"}), [SEEN], PARTIAL),
        (replace(GOT, headers={**HEADERS, "retry-after": "7"}), [SEEN], PARTIAL),
        (replace(GOT, seconds=9.0), [SEEN], PARTIAL),
        (GOT, [], PARTIAL),
    ],
)
def test_a_verdict(got, attempts, verdict):
    assert judged(got, attempts) == verdict


def test_more_billed_than_told_is_a_fail_even_within_the_allowance():
    leg = replace(LEG, sees={"first": 2}, bills=2)
    assert judged(attempts=[SEEN, SEEN], leg=leg) == FAIL
    got = replace(GOT, headers={"x-gateway-attempts": "1", "x-gateway-maybe-billed": "1"})
    assert judged(got, [SEEN, SEEN], leg) == PARTIAL


def test_asking_again_too_early_is_a_fail():
    leg = replace(LEG, sees={"first": 2}, pause=1.0)
    unbilled = replace(SEEN, billed=False)
    assert judged(attempts=[unbilled, replace(SEEN, at_ms=1000.0)], leg=leg) == PASS
    assert judged(attempts=[unbilled, replace(SEEN, at_ms=900.0)], leg=leg) == FAIL


def test_the_summary_counts_verdicts():
    results = [Result("a"), Result("b", blemishes=["x"]), Result("c", failures=["x"], blemishes=["x"])]
    assert summary(results) == "3 scenarios: 1 pass, 1 partial, 1 fail"
