"""A caller of the gateway: one request, one answer, and what every answer has to look like."""

import contextlib
import http.client
import itertools
import json
import socket
import time
from dataclasses import dataclass, field
from typing import Any

ROUTE = "/v1/images/generations"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float
    json: Any = field(init=False)

    def __post_init__(self):
        self.json = json.loads(self.body) if self.body else None
        if not 200 <= self.status < 300 and "problems" not in self.json:  # a probe's answer is its own
            assert_envelope(self.json)

    @property
    def error(self):
        return self.json["error"]

    @property
    def code(self):
        return self.error["code"]

    @property
    def attempts(self):
        return int(self.headers["x-gateway-attempts"])

    @property
    def maybe_billed(self):
        return int(self.headers["x-gateway-maybe-billed"])

    @property
    def final(self):
        return self.headers.get("x-should-retry")


def assert_envelope(body):
    error = body["error"]
    assert (
        {"message", "type", "param", "code"}
        <= error.keys()
        <= {*("message", "type", "param", "code", "attempts", "provider_code")}
    )
    assert isinstance(error["message"], str)
    assert len(error["message"]) > 15, "a message says what to do"
    assert isinstance(error["type"], str)
    assert isinstance(error["code"], str)
    assert error["param"] is None or isinstance(error["param"], str)


def ask(
    gateway, body=None, *, config=None, method="POST", path=ROUTE, timeout=30, prompt="an otter", line=None, **headers
):
    """Send one request, over a line of its own unless one is given.

    `config` is an object or an id, `body` an object or bytes, headers may have underscores.
    """
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if config is not None:
        sent["x-portkey-config"] = config if isinstance(config, str) else json.dumps(config)
    if body is None:
        body = {"prompt": prompt}
    if isinstance(body, dict | list):
        body = json.dumps(body).encode()
        sent.setdefault("content-type", "application/json")
    connection = line or http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=timeout)
    started = time.monotonic()
    try:
        connection.request(method, path, body or None, sent)
        got = connection.getresponse()
        content = got.read()
        received = {name.lower(): value for name, value in got.getheaders()}
        return Answer(got.status, received, content, time.monotonic() - started)
    finally:
        if line is None:
            connection.close()


def alive(gateway):
    """Return whether the gateway still answers as it should."""
    return ask(gateway, method="GET", path="/livez", body=b"").status == 200


_keys = itertools.count()


def target(provider, model="good", **more):
    """Return a target of a config: a provider's fault by the model's name, and a key that no other target has.

    What the gateway learns of a target it keeps to itself, so that no test finds what another one left behind.
    """
    return {
        "provider": "openai",
        "api_key": f"test-inline-key-{next(_keys)}-not-real",
        "custom_host": provider if isinstance(provider, str) else provider.url,
        "override_params": {"model": model},
        **more,
    }


def fallback(*targets, **strategy):
    return {"strategy": {"mode": "fallback", **strategy}, "targets": list(targets)}


def raw_request(config, body=b'{"prompt": "an otter"}', *lines):
    """Return the bytes of a request."""
    head = [
        f"POST {ROUTE} HTTP/1.1",
        "Host: gateway.test",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"x-portkey-config: {json.dumps(config)}",
        *lines,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


@contextlib.contextmanager
def line_to(gateway):
    """Open a connection of our own."""
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        yield line
