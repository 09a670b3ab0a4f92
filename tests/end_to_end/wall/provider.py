"""The wall: a strict provider on a real socket, whose model names select the fault, and whose books judge.

A key holds the tenant and the target that it was given to, so that each attempt is known to the request behind it.
`log` says what arrived and when; `billed` is the only word on money. What a model does is in `faults.py`.
"""

import asyncio
import contextlib
import json
import re
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.end_to_end.wall.faults import FAULTS, REFUSALS, Refusal
from tests.end_to_end.wall.pictures import Painter
from tests.fake_openai.rules import check
from tests.fake_openai.wrong import Wrong
from tests.own_thread import OwnThread

POINTS = ("on_accept", "on_start", "on_finish")
"""When money is due: when the request was taken, with the answer's first byte, or with its last."""

_KEY = re.compile(r"Bearer test-(?P<tenant>[a-z0-9-]+)\.(?P<target>[a-z]+)-(?P<state>good|revoked)-not-real")
_HEADERS = {"host", "authorization", "content-type", "content-length", "accept", "accept-encoding"}


def key_of(tenant, target, state="good"):
    """Return the key that the provider gave to a tenant for a target."""
    return f"test-{tenant}.{target}-{state}-not-real"


@dataclass
class Attempt:
    """One request that arrived whole."""

    at_ms: float
    painter: Painter
    headers: dict[str, str]
    body: dict
    billed: bool = False
    answered: bool = False
    left_at_ms: float | None = None
    """When the gateway hung up before the answer was out."""


@dataclass
class Provider(OwnThread):
    """Runs in a thread of its own."""

    redirects_to: str = ""
    log: list[Attempt] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What was wrong with requests that no gateway may send."""
    connects: int = 0
    points: dict[str, str] = field(default_factory=dict)
    """Tenant → when money is due."""
    began: float = field(default_factory=time.monotonic)

    def open(self, tenant, bills="on_accept"):
        """Take requests of a tenant from now on."""
        assert bills in POINTS
        self.points[tenant] = bills

    def of(self, tenant):
        """Return the attempts of one tenant."""
        return [attempt for attempt in self.log if attempt.painter.tenant == tenant]

    def billed(self, tenant):
        return sum(attempt.billed for attempt in self.of(tenant))

    def targets(self, tenant):
        """Return how many attempts each target of a tenant has seen."""
        return Counter(attempt.painter.target for attempt in self.of(tenant))

    def now_ms(self):
        return (time.monotonic() - self.began) * 1000

    async def _line(self, reader, writer):
        self.connects += 1
        line = Line(self, reader, writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await line.request():
                    pass
        finally:
            writer.close()


class Line:
    """One connection of the gateway."""

    def __init__(self, provider, reader, writer):
        self.provider, self.reader, self.writer = provider, reader, writer
        self.attempt = None
        self.ahead = b""

    async def request(self):
        """Answer one request; return whether the connection stays open."""
        head = self.ahead + await self.reader.readuntil(b"\r\n\r\n")
        self.ahead = b""
        try:
            headers = _strict_head(head)
            body = _strict_body(await self.reader.readexactly(int(headers["content-length"])))
            tenant, target, state = self._known(headers)
        except Wrong as wrong:
            self.provider.wrong.append(f"{wrong}: {head[:200]!r}")
            await self.refuse(Refusal(wrong.status, wrong.body))
            return False
        painter = Painter(tenant, target, body.get("model", "good"))
        self.attempt = Attempt(self.provider.now_ms(), painter, headers, body)
        before = self.provider.of(tenant)
        self.provider.log.append(self.attempt)
        going_on = await self._answer(before, state)
        self.attempt.answered = True
        return going_on is not False

    async def _answer(self, before, state):
        word, *words = self.attempt.painter.model.split(":")
        if state == "revoked":
            return await self.refuse(Refusal(401, _error("invalid_api_key", "Incorrect API key provided")))
        refusal = REFUSALS[word](self, before, *words) if word in REFUSALS else None
        if refusal is not None:
            return await self.refuse(refusal)
        self.tick("on_accept")
        return await (FAULTS["good"](self) if word in REFUSALS else FAULTS[word](self, *words))

    def tick(self, point):
        """Bill the attempt where its tenant pays at this point."""
        if self.provider.points[self.attempt.painter.tenant] == point:
            self.attempt.billed = True

    async def refuse(self, refusal):
        """Answer that nothing was done, and nothing is to be paid."""
        body = json.dumps(refusal.body).encode()
        head = [f"HTTP/1.1 {refusal.status} X", "Content-Type: application/json", f"Content-Length: {len(body)}"]
        await self.write("\r\n".join([*head, *refusal.lines, "", ""]).encode() + body)

    async def write(self, data):
        """Write, and note where the gateway does not take it."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            self._left()
            raise

    async def watch(self, seconds):
        """Wait, and note when the gateway hangs up meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                self.ahead = await self.reader.read(1)
        except TimeoutError:
            return
        except ConnectionError:
            self.ahead = b""
        if not self.ahead:
            self._left()
            raise ConnectionError

    def _left(self):
        if self.attempt is not None:
            self.attempt.left_at_ms = self.provider.now_ms()

    def _known(self, headers):
        found = _KEY.fullmatch(headers["authorization"])
        if found is None or found["tenant"] not in self.provider.points:
            raise Wrong("a key that was never given out", code="invalid_api_key", status=401)
        return found["tenant"], found["target"], found["state"]


def _strict_head(head):
    first, *lines = head.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    if first != "POST /v1/images/generations HTTP/1.1":
        raise Wrong(f"not a request for pictures: {first}")
    pairs = [line.partition(": ")[::2] for line in lines]
    headers = {name.lower(): value for name, value in pairs}
    if len(headers) < len(pairs) or set(headers) != _HEADERS:
        raise Wrong(f"headers are missing, come twice, or are none of a provider's business: {sorted(headers)}")
    if headers["content-type"] != "application/json" or not headers["host"].startswith("127.0.0.1:"):
        raise Wrong(f"not JSON, or for another host: {headers['content-type']}, {headers['host']}")
    if headers["accept-encoding"] != "identity":
        raise Wrong("an answer may not be compressed")
    return headers


def _strict_body(raw):
    def once(pairs):
        if len(dict(pairs)) < len(pairs):
            raise Wrong("a key comes twice")
        return dict(pairs)

    def never(name):
        raise Wrong(f"{name} is no JSON")

    try:
        body = json.loads(raw.decode(), object_pairs_hook=once, parse_constant=never)
    except ValueError as error:
        raise Wrong(f"not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Wrong("not an object")
    check("generations", body, default_model="good")
    return body


def _error(code, message):
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
