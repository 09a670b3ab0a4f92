"""Many requests at once: a slow provider slows nobody else, and every key goes where it belongs."""

import asyncio
import concurrent.futures
import json
import statistics
import time

from tests.end_to_end.caller import ask, line_to, raw_request, target
from tests.end_to_end.provider import within


def times(gateway, config, count=60):
    measured = []
    for _ in range(count):
        got = ask(gateway, config=config)
        assert got.status == 200
        measured.append(got.seconds)
    return statistics.median(measured)


def test_a_slow_provider_does_not_slow_another(gateway, provider, elsewhere):
    fast = target(elsewhere)
    times(gateway, fast, 20)
    alone = times(gateway, fast)
    lines = []
    try:
        for _ in range(200):
            context = line_to(gateway)
            line = context.__enter__()
            lines.append((context, line))
            line.sendall(raw_request(target(provider, "slow:20")))
        assert provider.wait_for(200)
        beside = times(gateway, fast)
    finally:
        for context, _ in lines:
            context.__exit__(None, None, None)
    assert beside < alone * 3 + 0.005
    assert within(3, lambda: all(seen.left_at for seen in provider.seen))


def test_keys_of_two_callers_never_mix(gateway, provider):
    def one(number):
        tenant = "ab"[number % 2]
        key = f"test-{tenant}-not-real"
        config = {"provider": "openai", "passthrough": True, "override_params": {"user": f"{tenant}{number}"}}
        if number % 3 == 0:
            config = config | {"api_key": key}
            del config["passthrough"]
        return ask(
            gateway,
            config=config,
            x_portkey_custom_host=provider.url,
            authorization=f"Bearer {key}",
            prompt=f"{tenant}",
        ).status

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert set(pool.map(one, range(500))) == {200}
    assert len(provider.seen) == 500
    wrong = [seen for seen in provider.seen if seen.key != f"test-{seen.json['prompt']}-not-real"]
    assert wrong == []
    assert {seen.json["user"][0] == seen.json["prompt"] for seen in provider.seen} == {True}


def test_answers_reach_who_asked(gateway, provider):
    """Each picture has a size of its own, and requests are many on few connections."""

    def one(number):
        got = ask(gateway, config=target(provider, f"sized:{number}:7"), x_portkey_trace_id=f"t{number}")
        return got.status, got.headers["x-portkey-trace-id"], got.headers.get("x-gateway-model"), got.body

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(1, 201)))
    for number, (status, trace_id, model, _) in enumerate(answers, 1):
        assert (status, trace_id, model) == (200, f"t{number}", f"sized:{number}:7")
    assert len({body for *_, body in answers}) == 200


async def test_a_burst_on_new_connections(gateway, provider):
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    request = raw_request(target(provider, "slow:0.1"), b'{"prompt": "a"}', "Connection: close")

    async def one():
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request)
        got = await reader.read()
        writer.close()
        return int(got.split()[1]), json.loads(got.partition(b"\r\n\r\n")[2])["created"]

    started = time.monotonic()
    answers = await asyncio.gather(*(one() for _ in range(300)))
    assert set(answers) == {(200, 1763600000)}
    assert time.monotonic() - started < 10
