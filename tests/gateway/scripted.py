"""What stands around the request path in tests: configs as their authors write them, and a transport by script."""

import asyncio
import base64
import json
import random
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.choose import Chooser
from gateway.compile import compile_config
from gateway.config.document import Document
from gateway.config.gateway_file import read_gateway_file
from gateway.config.parse import parse
from gateway.config.snapshot import Snapshot
from gateway.images import ImageRequest
from gateway.providers import PROVIDERS
from gateway.target import ImageTarget, Outside
from gateway.wire import Received
from strategies import Context, Failure, Journey
from tests.gateway.delivery.pictures import painted

STORED_KEY = "stored-provider-key-1"
TEAM_KEY = "gateway-key-of-team-a"
LIMITED_KEY = "gateway-key-of-interns"

GATEWAY = {
    "virtual_keys": {
        "openai-prod": {"provider": "openai", "api_key": STORED_KEY},
        "azure-eu": {
            "provider": "azure-openai",
            "api_key": "stored-azure-key-2",
            "azure_resource_name": "pictures-eu",
            "azure_deployment_id": "image-2",
        },
    },
}


def picture(size=(1024, 1024)):
    return base64.b64encode(painted("PNG", size)).decode()


def answer(*pictures, **more):
    """Return a provider's answer in OpenAI's format."""
    data = [{"b64_json": one} for one in pictures or (picture(),)]
    return Received(200, {}, orjson.dumps({"created": 1763600000, "data": data, **more}))


def linked(*addresses, **more):
    """Return a provider's answer in OpenAI's format that only links to its pictures."""
    data = [{"url": address} for address in addresses]
    return Received(200, {}, orjson.dumps({"created": 1763600000, "data": data, **more}))


def downloaded(data, status=200):
    """Return what a link leads to."""
    return Received(status, {}, data)


def refused(status, code=None, message="said so", **headers):
    """Return a provider's error in OpenAI's format."""
    return Received(status, headers, orjson.dumps({"error": {"message": message, "code": code, "type": "t"}}))


@dataclass(frozen=True)
class Sent:
    """One request as it reached the transport."""

    method: str
    url: str
    headers: dict[str, str]
    json: Any
    trusted: bool
    body: bytes | None = None
    at: float = 0.0
    """When, on the loop's clock."""
    streams: bool = False


def _content(body):
    try:
        return json.loads(body)
    except ValueError:
        return body


@dataclass(frozen=True)
class After:
    """A turn that takes its time."""

    seconds: float
    turn: Received | Failure | BaseException


@dataclass(eq=False)
class ScriptedTransport:
    """Answers by script instead of a network; after the last turn it fails the test."""

    script: list[Received | Failure | BaseException | After] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    running: int = 0
    most_at_once: int = 0

    async def exchange(self, method, url, *, headers, body, attempt, trusted, streams=False, room=None):
        content = None if body is None else _content(body)
        lowered = {k.lower(): v for k, v in headers.items()}
        now = asyncio.get_running_loop().time()
        self.sent.append(Sent(method, str(url), lowered, content, trusted, body, now, streams))
        assert self.script, f"one request too many: {method} {url}"
        coming = self.script.pop(0)
        turn = coming.turn if isinstance(coming, After) else coming
        attempt.sent = not isinstance(turn, Failure) or turn.reached
        if isinstance(coming, After):
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            await asyncio.sleep(coming.seconds)
            self.running -= 1
        if isinstance(turn, BaseException):
            raise turn
        return turn


@dataclass(eq=False)
class Scene:
    """A gateway without its server: configs in, requests answered by a scripted transport."""

    transport: ScriptedTransport
    chooser: Chooser

    def leaf(self, spec, checks):
        return ImageTarget(spec, PROVIDERS[spec.provider], Outside(transport=self.transport), checks)


def scene(*script, configs=None, gateway=GATEWAY, default_config=None, trusted_hosts=()):
    transport = ScriptedTransport(list(script))

    def leaf(spec, checks):
        return ImageTarget(spec, PROVIDERS[spec.provider], Outside(transport=transport), checks)

    file = read_gateway_file(Document(data=gateway, file="gateway.yaml"))
    specs = {id_: spec_of({"id": id_, **data}, file.virtual_keys) for id_, data in (configs or {}).items()}
    snapshot = Snapshot(configs=specs, gateway=file)
    chooser = Chooser(snapshot, default_config=default_config, trusted_hosts=trusted_hosts, make_leaf=leaf)
    return Scene(transport, chooser)


def choose(chooser, headers, model):
    """Return what is chosen for a request that has passed the door."""
    return chooser.choose(headers, model, chooser.callers.caller(headers))


def spec_of(data, virtual_keys=None):
    """Return the spec of a config that an operator wrote to a file."""
    return parse(Document(data=data, file="test.yaml"), virtual_keys=virtual_keys or {})


def route_of(data, transport=None, virtual_keys=None):
    transport = transport or ScriptedTransport()
    return compile_config(
        spec_of(data, virtual_keys),
        lambda spec, checks: ImageTarget(spec, PROVIDERS[spec.provider], Outside(transport=transport), checks),
    )


def route_with(data, adapter, script=(), **outside):
    """Return the route of a config whose provider is played by an adapter of the test's own, and its transport."""
    transport = ScriptedTransport(list(script))
    around = Outside(transport=transport, **outside)
    return compile_config(spec_of(data), lambda spec, checks: ImageTarget(spec, adapter, around, checks)), transport


async def run(route, request=None, *, seed=0, **params):
    """Send a request through a route; return outcome and journey."""

    journey = Journey(rng=random.Random(seed), max_attempts=route.spec.max_attempts)
    context = Context(journey, asyncio.get_running_loop().time() + route.deadline)
    outcome = await route.tree(request or asking(**params), context)
    return outcome, journey


def asking(**params):
    return ImageRequest(params={"prompt": "an otter", **params})
