"""Scenarios that take more than one request after another: a long outage, and callers that leave."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tests.end_to_end.provider import within
from tests.end_to_end.wall import client
from tests.end_to_end.wall.judge import Row, painted_by
from tests.end_to_end.wall.legs import Leg, first, second, served
from tests.end_to_end.wall.proxy import SOUND, Proxy

# An outage of 60 s with a request every 4 s and the default cooldown of 15 s, ten times as fast.
FASTER = 10.0
DOWN, EVERY, COOLDOWN, BACK_WITHIN = (seconds / FASTER for seconds in (60.0, 4.0, 15.0, 20.0))
WHILE_DOWN, AFTERWARDS = 15, 8
MOST_AT_THE_PRIMARY = 8


def outage(rig, result):
    """Ask all through an outage and past its end."""
    leg = Leg(
        name="outage",
        aims=(first(f"outage:{DOWN}", retry={"attempts": 2}), second()),
        strategy={"cb_config": {"failure_threshold": 5, "cooldown_interval": round(COOLDOWN * 1000)}},
        gets=served("first"),
        sees={},
        bills=1,
    )
    tenant = rig.tenant(result.name, leg.name)
    with ThreadPoolExecutor(AFTERWARDS) as pool:
        began, calls = time.monotonic(), []
        for number in range(WHILE_DOWN + AFTERWARDS):
            time.sleep(max(0.0, began + number * EVERY - time.monotonic()))
            calls.append(pool.submit(rig.ask, tenant, replace(leg, body={"prompt": _prompt(number)})))
        answers = [call.result() for call in calls]
    seen = rig.wall.of(tenant)
    at_first = [attempt.at_ms for attempt in seen if attempt.painter.target == "first"]
    recovered = at_first[0] + DOWN * 1000 if at_first else 0.0
    in_vain = sum(at < recovered for at in at_first)
    result.must(in_vain <= MOST_AT_THE_PRIMARY, f"{in_vain} attempts at a provider that is down")
    back = [at - recovered for at in at_first if at >= recovered]
    in_time = bool(back) and back[0] <= BACK_WITHIN * 1000
    result.must(in_time, f"back on the first {list(map(round, back[:1]))} ms after it was well")
    at_last = all(painted_by(served("first"), tenant, got) for got in answers[-3:])
    result.must(at_last, "the last requests are not answered by the first any more")
    for name, numbers in {"down": range(WHILE_DOWN), "well again": range(WHILE_DOWN, len(answers))}.items():
        result.rows.append(_part(result, tenant, name, [(answers[number], _of(seen, number)) for number in numbers]))


def _part(result, tenant, name, calls):
    """Judge some requests by their answers and by their attempts, and return what they came to."""
    billed = 0
    for got, attempts in calls:
        paid = sum(attempt.billed for attempt in attempts)
        result.must(paid <= 1, f"{name}: {paid} billed for one request")
        result.should(got.headers.get("x-gateway-attempts") == str(len(attempts)), f"{name}: {got.headers}")
        billed += paid
    good = sum(_is_served(got, tenant) for got, _ in calls)
    result.must(good == len(calls), f"{name}: {good} of {len(calls)} served: {_others(calls)}")
    by_target = Counter(attempt.painter.target for _, attempts in calls for attempt in attempts)
    tried = f"{by_target['first']} + {by_target['second']}"
    return Row(f"{len(calls)} requests, {name}", f"{good} of {len(calls)} served", tried, billed, len(calls))


def leaving(rig, result):
    """Hang up in every way while a provider works, and while the gateway waits to try again."""
    ways = {
        "plainly": lambda line, proxy: line.leave(),
        "by a reset": lambda line, proxy: line.leave(reset=True),
        "as the line breaks": lambda line, proxy: proxy.reset_all(),
        "with a request sent ahead": _ahead,
    }
    for name, leave in ways.items():
        leg = Leg(name=name, aims=(first("silent"), second()), gets=served("first"), sees={"first": 1}, bills=1)
        tenant = _left(rig, result, leg, leave, after=0.1)
        left = rig.wall.now_ms()
        closed = within(2, lambda tenant=tenant: rig.has_left(tenant))
        soon = closed and all(seen.left_at_ms - left <= 1000 for seen in rig.wall.of(tenant))
        result.must(soon, f"{name}: the attempt was not ended within a second")
        time.sleep(0.3)
        _judge_left(rig, result, leg, tenant)
    aims = (first("slow:1.2"), second())
    leg = Leg(name="before it is painted", aims=aims, gets=served("first"), sees={"first": 1}, bills=0, due="on_finish")
    tenant = _left(rig, result, leg, ways["plainly"], after=0.3)
    time.sleep(1.2)
    _judge_left(rig, result, leg, tenant)
    again = first("status:503:1", retry={"attempts": 3, "use_retry_after_header": True})
    leg = Leg(name="before a retry", aims=(again,), gets=served("first"), sees={"first": 1}, bills=0)
    tenant = _left(rig, result, leg, ways["plainly"], after=0.3)
    time.sleep(1.3)
    _judge_left(rig, result, leg, tenant)


def _left(rig, result, leg, leave, after):
    """Send a request, leave while it runs, and return its tenant."""
    tenant = rig.tenant(result.name, leg.name, leg.due)
    with Proxy(rig.port, up=SOUND, down=SOUND) as proxy, client.Line(proxy.port) as line:
        line.send(client.request(rig.config(tenant, leg)))
        result.must(within(5, lambda: rig.wall.of(tenant)), f"{leg.name}: nothing was sent")
        time.sleep(after)
        leave(line, proxy)
        within(1, lambda: not proxy.lines)
    return tenant


def _ahead(line, proxy):
    line.socket.sendall(b"GET /livez HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
    line.leave()


def _judge_left(rig, result, leg, tenant):
    seen, billed = len(rig.wall.of(tenant)), rig.wall.billed(tenant)
    result.must(rig.wall.targets(tenant) == leg.sees, f"{leg.name}: {seen} attempts, after it had left or before")
    result.must(billed <= leg.bills, f"{leg.name}: {billed} billed, {leg.bills} allowed")
    result.rows.append(Row(f"leaves {leg.name}", "nothing more", str(seen), billed, leg.bills))


def _is_served(got, tenant):
    whole = got.whole and got.status == 200
    return whole and any(painted_by(served(name), tenant, got) for name in ("first", "second"))


def _prompt(number):
    return f"picture {number}"


def _of(seen, number):
    return [attempt for attempt in seen if attempt.body["prompt"] == _prompt(number)]


def _others(calls):
    return [(got.status, got.body[:200]) for got, _ in calls if got.status != 200]
