"""What a simulation says is what happens: its trace is played to the real engine, which makes the same choices."""

import asyncio
import base64
import random
import re
from dataclasses import dataclass

import orjson
import pytest
from aiohttp import web

from gateway import virtual_time
from gateway.catalogue import BUILT_IN
from gateway.compile import compile_config
from gateway.delivery.formats import read_header
from gateway.images import InMemory
from gateway.providers import PROVIDERS
from gateway.simulate.stage import stage_of
from gateway.target import ImageTarget, Outside
from gateway.transport import Transport
from gateway.wire import Received
from strategies import Cause, Context, Failure, Journey, Success
from tests.gateway.delivery.pictures import painted
from tests.own_thread import OwnThread
from tests.simulate.acting import balance, fallback, faults_of, openai, spec_of, traffic_of

SEED = 11
PICTURE = base64.b64encode(painted("PNG", (64, 64))).decode()
PAINTED = orjson.dumps({"created": 1_763_600_000, "data": [{"b64_json": PICTURE}]})
MODERATED = orjson.dumps({"error": {"message": "no", "code": "moderation_blocked", "type": "t", "param": None}})
NUMBER = re.compile(rb"\((\d+)\)")


def told(outcome, journey):
    """Return what a request did: each attempt with what came of it, what was passed over, and how it ended."""
    tried = [(attempt.target, *_of(attempt.outcome)) for attempt in journey.attempts]
    over = {path: why.cause.value for path, why in journey.passed_over.items()}
    return tried, over, _of(outcome), journey.maybe_billed


def _of(outcome):
    if outcome is None:
        return "cancelled", None
    return ("painted", 200) if isinstance(outcome, Success) else (outcome.cause.value, outcome.seen_status)


@dataclass
class Traced:
    """One simulated request: when it came, what its calls were answered, and what became of it."""

    arrival: object
    at: float
    calls: dict[str, list]
    told: tuple
    ended: float


def trace_of(spec, traffic, faults, requests):
    async def main():
        stage = stage_of(spec, BUILT_IN, faults, seed=SEED, began=0.0)
        loop, traced = asyncio.get_running_loop(), {}

        async def one(number, arrival):
            began = loop.time()
            played = await stage.play(number, arrival)
            calls = {}
            for call in played.journey.calls:
                calls.setdefault(call.attempt.target, []).append(call.act)
            traced[number] = Traced(arrival, began, calls, told(played.outcome, played.journey), loop.time())

        async with asyncio.TaskGroup() as group:
            for number, arrival in enumerate(traffic.arrivals(requests, SEED)):
                await asyncio.sleep(max(arrival.at - loop.time(), 0))
                group.create_task(one(number, arrival))
        return [traced[number] for number in sorted(traced)]

    return virtual_time.run(main())


async def run_again(spec, trace, outside, lateness=None):
    """Play the arrivals of a trace to the real engine, with the same chance; return what each request did."""
    route = compile_config(
        spec, lambda target, checks: ImageTarget(target, PROVIDERS[target.provider], outside, checks)
    )
    loop, found = asyncio.get_running_loop(), {}
    start = loop.time()

    async def one(number, traced):
        journey = Journey(rng=random.Random(f"{SEED}/{number}"), max_attempts=spec.max_attempts)
        outcome = await route.tree(traced.arrival.request, Context(journey, loop.time() + route.deadline))
        found[number] = told(outcome, journey)
        if lateness is not None:
            lateness.append(loop.time() - start - traced.ended)

    async with asyncio.TaskGroup() as group:
        for number, traced in enumerate(trace):
            await asyncio.sleep(max(traced.at - (loop.time() - start), 0))
            group.create_task(one(number, traced))
    return [found[number] for number in sorted(found)]


class AsTraced:
    """Stands where the network is: answers each call as the trace says, and none that the trace has not."""

    def __init__(self, trace, paths):
        self.left = [{target: list(acts) for target, acts in traced.calls.items()} for traced in trace]
        self.paths = paths

    def act(self, url, body):
        number = int(NUMBER.search(body)[1]) - 1
        target = next(path for host, path in self.paths.items() if host in str(url))
        return self.left[number][target].pop(0)

    async def exchange(self, method, url, *, headers, body, attempt, trusted, streams=False, room=None):
        act = self.act(url, body)
        attempt.sent = act.is_sent
        await asyncio.sleep(3600 if act.hangs else act.seconds)
        if act.paints:
            return Received(200, {}, PAINTED)
        if act.answer is Cause.POLICY:
            return Received(400, {}, MODERATED)
        if isinstance(act.answer, int):
            again = {} if act.retry_after is None else {"retry-after": f"{act.retry_after:g}"}
            return Received(act.answer, again, b"{}")
        return Failure(cause=act.answer, message="as traced", reached=act.is_sent)

    def nothing_is_left(self):
        return not any(acts for calls in self.left for acts in calls.values())


# A config, and what its targets do; with every second of it, many times the traffic that anybody has.
CASES = {
    "a fallback from an outage": (
        fallback(openai("a"), openai("b")),
        {"a": {"latency_ms": {"p50": 4000, "p95": 9000}, "faults": [{"from_s": 5, "to_s": 15, "status": 503}]}},
    ),
    "a balance by weight": (
        balance(openai("a", weight=3), openai("b", weight=1)),
        {"a": {"faults": [{"from_s": 10, "to_s": 20, "status": 500, "ratio": 0.4}]}},
    ),
    "the quicker of two, by what is under way": (
        balance(openai("a"), openai("b"), algorithm="least_latency"),
        {"a": {"latency_ms": {"min": 200, "max": 9000}}, "b": {"latency_ms": {"p50": 900, "p95": 2500}}},
    ),
    "retries that wait as they are asked to": (
        fallback(
            openai("a", retry={"attempts": 2, "on_status_codes": [429, 503], "use_retry_after_header": True}),
            openai("b"),
        ),
        {"a": {"faults": [{"from_s": 2, "to_s": 12, "status": 429, "ratio": 0.3, "retry_after_s": 1.5}]}},
    ),
    "retries that wait as they like": (
        openai("a", retry={"attempts": 3}),
        {"a": {"latency_ms": 300, "faults": [{"from_s": 2, "to_s": 12, "status": 500, "ratio": 0.5}]}},
    ),
    "a breaker that opens, is probed and closes": (
        fallback(openai("a", cb_config={"failure_threshold": 3, "cooldown_interval": 4000}), openai("b")),
        {"a": {"latency_ms": 500, "faults": [{"from_s": 3, "to_s": 14, "status": 500}]}},
    ),
    "a target that asked to be left alone": (
        fallback(openai("a"), openai("b")),
        {"a": {"latency_ms": 700, "faults": [{"from_s": 3, "to_s": 9, "status": 429, "retry_after_s": 5}]}},
    ),
    "refusals by policy, which end it": (fallback(openai("a"), openai("b")), {"a": {"refusal_ratio": 0.3}}),
    "refusals by policy, which the config lets another judge": (
        fallback(openai("a"), openai("b"), on_causes=["policy"]),
        {"a": {"refusal_ratio": 0.5}, "b": {"refusal_ratio": 0.5}},
    ),
    "time limits, and what may be billed": (
        {
            **fallback(openai("a", request_timeout=5000), openai("b", request_timeout=9000), openai("c")),
            "deadline": 30000,
        },
        {
            "a": {"latency_ms": {"p50": 4000, "p95": 9000}},
            "b": {"faults": [{"from_s": 4, "answer": "timeout", "ratio": 0.5}]},
        },
    ),
    "no way to a provider, and answers that are none": (
        fallback(openai("a", billing="any"), openai("b", billing="any"), openai("c")),
        {
            "a": {"faults": [{"answer": "unreachable", "ratio": 0.3}, {"answer": "auth", "ratio": 0.2}]},
            "b": {"faults": [{"answer": "incomplete", "ratio": 0.4}]},
        },
    ),
    "as many at a time as a target may have": (
        fallback(openai("a", max_in_flight=12), openai("b")),
        {"a": {"latency_ms": {"min": 1000, "max": 3000}}},
    ),
    "a hedge": (
        fallback(openai("a", hedge={"after_ms": 3000, "accept_double_billing": True}), openai("b")),
        {"a": {"latency_ms": {"p50": 2000, "p95": 8000}}, "b": {"latency_ms": 1500}},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_engine_chooses_as_the_simulation_does(case):
    config, targets = case
    config = _apart(config)
    spec = spec_of(config)
    trace = trace_of(spec, traffic_of(8, arrivals="poisson"), faults_of(spec, **targets), 120)
    transport = AsTraced(trace, _paths(config))

    again = virtual_time.run(run_again(spec, trace, Outside(transport=transport)))

    assert again == [traced.told for traced in trace]
    assert transport.nothing_is_left()
    assert len({tuple(told[0]) for told in again}) > 1  # not all of them did the same


def test_a_trace_that_is_changed_is_noticed():
    config = _apart(fallback(openai("a"), openai("b")))
    spec = spec_of(config)
    trace = trace_of(spec, traffic_of(), faults_of(spec, a={"faults": [{"status": 503, "ratio": 0.2}]}), 30)
    for acts in trace[3].calls.values():
        acts[0] = type(acts[0])(answer=500 if acts[0].paints else 200, seconds=acts[0].seconds)
    transport = AsTraced(trace, _paths(config))
    with pytest.raises((AssertionError, ExceptionGroup)):
        assert virtual_time.run(run_again(spec, trace, Outside(transport=transport))) == [each.told for each in trace]


class Provider(OwnThread):
    """The same on real sockets, in real time."""

    async def _serve(self, ready, stop):
        application = web.Application()
        application.router.add_post("/{target}/images/generations", self._images)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        await runner.cleanup()

    async def _images(self, request):
        act = self.script.act(f"/{request.match_info['target']}/", await request.read())
        await asyncio.sleep(0.6 if act.hangs else act.seconds)
        if act.answer is Cause.POLICY:
            return web.Response(status=400, body=MODERATED, content_type="application/json")
        if act.answer is Cause.INCOMPLETE:
            request.transport.close()
            return web.Response(status=200)
        again = {} if act.retry_after is None else {"retry-after": f"{act.retry_after:g}"}
        body = PAINTED if act.paints else b"{}"
        return web.Response(
            status=act.answer if isinstance(act.answer, int) else 500,
            headers=again,
            body=body,
            content_type="application/json",
        )


_PATIENCE = 0.1
"""How late an answer may be: what a config decides by time lies further apart."""


def test_real_sockets_in_real_time_give_the_same_choices():
    with Provider() as provider:
        host = f"http://127.0.0.1:{provider.port}"
        config = fallback(
            openai(
                "a",
                custom_host=f"{host}/a",
                request_timeout=120,
                cb_config={"failure_threshold": 3, "cooldown_interval": 700},
                retry={"attempts": 1, "on_status_codes": [429], "use_retry_after_header": True},
            ),
            openai("b", custom_host=f"{host}/b"),
        )
        spec = spec_of(config)
        faults = faults_of(
            spec,
            a={
                "latency_ms": 20,
                "faults": [
                    {"from_s": 0.0, "to_s": 0.15, "answer": "timeout"},
                    {"from_s": 0.5, "to_s": 0.65, "status": 429, "retry_after_s": 0.1, "latency_ms": 10},
                    {"from_s": 1.1, "to_s": 1.9, "status": 500, "latency_ms": 10},
                    {"from_s": 3.2, "to_s": 3.4, "answer": "policy"},
                ],
            },
            b={"latency_ms": 20},
        )
        trace = trace_of(spec, traffic_of(10 / 3), faults, 12)
        _is_clear(trace)
        for _ in range(6):
            provider.script = AsTraced(trace, {"/a/": "config.targets[0]", "/b/": "config.targets[1]"})
            lateness = []
            again = asyncio.run(_on_sockets(spec, trace, lateness))
            if max(lateness) < _PATIENCE:
                break
        else:
            pytest.skip("this machine is held up too often for a test that goes by the clock")
    assert again == [traced.told for traced in trace]
    causes = {cause for traced in trace for _, cause, _ in traced.told[0]}
    assert causes == {"painted", "timeout", "rate_limited", "provider_error", "policy"}
    assert any(traced.told[1] for traced in trace)  # the breaker was open for some


async def _on_sockets(spec, trace, lateness):
    transport = Transport(max_response_bytes=1 << 20, trust_loopback=True)
    await transport.open()
    try:
        return await run_again(spec, trace, Outside(transport=transport), lateness)
    finally:
        await transport.close()


def _is_clear(trace):
    """Check that no request comes so shortly before or after another's end that a machine's pauses would decide."""
    gaps = [abs(one.at - other.ended) for one in trace for other in trace if one is not other]
    assert min(gaps) > _PATIENCE


def _apart(config):
    """Give each target a host of its own, by which its calls are known."""
    if "targets" not in config:
        return {**config, "custom_host": f"https://{config['name']}.example.com/v1"}
    return {**config, "targets": [_apart(target) for target in config["targets"]]}


def _paths(config):
    targets = config.get("targets")
    if targets is None:
        return {f"//{config['name']}.": "config"}
    return {f"//{target['name']}.": f"config.targets[{index}]" for index, target in enumerate(targets)}


def test_the_picture_of_the_fake_is_one():
    header = read_header(InMemory(base64.b64decode(PICTURE)))
    assert (header.format, header.width) == ("png", 64)
