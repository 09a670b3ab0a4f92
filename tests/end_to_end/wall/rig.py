"""All that a scenario plays on: one running gateway, the wall behind it, and lines between them that misbehave."""

import contextlib
import itertools
import re
import socket
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tests.end_to_end.provider import within
from tests.end_to_end.wall import client
from tests.end_to_end.wall.judge import Result, look, painted_by
from tests.end_to_end.wall.legs import Leg, Scenario, served
from tests.end_to_end.wall.provider import Provider, key_of
from tests.end_to_end.wall.proxy import Proxy
from tests.running import Running, serving

GATEWAY_YAML = """
server: {max_response_bytes: 1000000}
catalogue:
  - {provider: openai, id: empty-but-counted, price: {image: 0.5}}
  - {provider: openai-compatible, id: counted, price: {tokens: {text_in: 5, image_in: 10, image_out: 40}}}
"""
AT_A_TIME = 8
"""Scenarios that run beside each other: every one has tenants, keys and so targets of its own."""

_LEAVES_WITHIN = 1.0
_UNFIT = re.compile(r"[^a-z0-9]+")


class Rig:
    """Plays scenarios against one gateway."""

    def __init__(self, gateway: Running, wall: Provider, elsewhere: Provider) -> None:
        self.gateway, self.wall, self.elsewhere = gateway, wall, elsewhere
        self.port = int(gateway.url.rpartition(":")[2])
        self._probes = itertools.count()

    def play(self, scenario: Scenario) -> Result:
        """Play a scenario, and find out whether the gateway is well after it."""
        result = Result(scenario.name)
        try:
            for leg in scenario.legs:
                self.play_leg(result, leg)
            if scenario.story is not None:
                scenario.story(self, result)
        except Exception as error:  # noqa: BLE001 - what breaks the rig is no pass
            result.must(False, f"the scenario broke off: {error!r}")
        result.must(self.alive(), "a good request after it failed")
        return result

    def alive(self) -> bool:
        """Return whether a good request gets its picture at once."""
        tenant = self.tenant("alive", str(next(self._probes)))
        got = self.ask(tenant, Leg(name="alive", aims=(), gets=served("first"), sees={}, bills=1))
        alone = self.wall.targets(tenant) == {"first": 1}
        return alone and got.whole and got.status == 200 and painted_by(served("first"), tenant, got)

    def tenant(self, scenario: str, name: str, due: str = "on_accept") -> str:
        """Return a tenant that nobody else is, known to the wall."""
        tenant = _UNFIT.sub("-", f"{scenario} {name}".lower()).strip("-")
        self.wall.open(tenant, due)
        return tenant

    def play_leg(self, result: Result, leg: Leg) -> None:
        """Send the request of a leg, and judge what came of it."""
        tenant = self.tenant(result.name, leg.follows or leg.name, leg.due)
        before = len(self.wall.of(tenant))
        with contextlib.ExitStack() as lines:
            proxies = self.lines(leg, lines)
            got = self.ask(tenant, leg, proxies)
            look(result, leg, tenant, got, self.wall.of(tenant)[before:])
            broken = [proxy for name, proxy in proxies.items() if name not in (leg.gets.by, "caller")]
            gone = within(_LEAVES_WITHIN, lambda: self.has_left(tenant) and not any(proxy.lines for proxy in broken))
            result.should(gone, f"{leg.name}: connections of attempts that were given up stayed open")

    def has_left(self, tenant: str) -> bool:
        """Return whether no attempt of a tenant is still waited for."""
        return all(attempt.answered or attempt.left_at_ms is not None for attempt in self.wall.of(tenant))

    def lines(self, leg: Leg, stack: contextlib.ExitStack) -> dict[str, Proxy]:
        """Open the lines of a leg that misbehave."""
        found = {aim.name: Proxy(self.wall.port, down=aim.line) for aim in leg.aims if aim.line is not None}
        if leg.caller is not None:
            found["caller"] = Proxy(self.port, up=leg.caller, down=leg.caller)
        return {name: stack.enter_context(proxy) for name, proxy in found.items()}

    def ask(self, tenant: str, leg: Leg, proxies: dict[str, Proxy] | None = None) -> client.Got:
        """Send a request, and return its answer."""
        proxies = proxies or {}
        port = proxies["caller"].port if "caller" in proxies else self.port
        with client.Line(port) as line:
            line.send(client.request(self.config(tenant, leg, proxies), leg.body, *leg.lines))
            return line.answer()

    def config(self, tenant: str, leg: Leg, proxies: dict[str, Proxy] | None = None) -> dict:
        """Return the config of a leg: one target, or a fallback."""
        targets = [self._target(tenant, aim, (proxies or {}).get(aim.name)) for aim in leg.aims]
        if not targets:
            return self._target(tenant, None, None)
        if len(targets) == 1:
            return {**targets[0], **leg.more}
        return {"strategy": {"mode": "fallback", **leg.strategy}, "targets": targets, **leg.more}

    def _target(self, tenant, aim, proxy):
        if aim is None:
            name, model, state, more, port = "first", "good", "good", {}, self.wall.port
        else:
            name, model, state, more = aim.name, aim.model, aim.key, aim.more
            port = proxy.port if proxy else closed_port() if aim.closed else self.wall.port
        return {
            "name": name,
            "provider": "openai",
            "api_key": key_of(tenant, name, state),
            "custom_host": f"http://127.0.0.1:{port}/v1",
            "override_params": {"model": model},
            **more,
        }


def closed_port() -> int:
    """Return a port where nobody listens, and nobody will: it stays bound."""
    with _PORTS:
        if not _BOUND:
            bound = socket.socket()
            bound.bind(("127.0.0.1", 0))
            _BOUND.append(bound)
        return _BOUND[0].getsockname()[1]


_PORTS = threading.Lock()
_BOUND: list[socket.socket] = []


@contextlib.contextmanager
def rig() -> Iterator[Rig]:
    """Start everything, and stop it again."""
    with tempfile.TemporaryDirectory() as name, Provider() as wall, Provider() as elsewhere:
        folder = Path(name)
        (folder / "gateway.yaml").write_text(GATEWAY_YAML)
        wall.redirects_to = elsewhere.url
        with serving(folder) as gateway:
            yield Rig(gateway, wall, elsewhere)


@contextlib.contextmanager
def playing(rig: Rig, scenarios: list[Scenario]) -> Iterator[dict[str, Future[Result]]]:
    """Play scenarios beside each other, the longest first, and return what each will have come to."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        longest_first = sorted(scenarios, key=lambda scenario: scenario.story is None)
        yield {scenario.name: pool.submit(rig.play, scenario) for scenario in longest_first}
