"""Requests through made-up configs: what each caller got, and what the provider saw of it."""

import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.end_to_end.wall import client
from tests.end_to_end.wall.pictures import painters_in
from tests.end_to_end.wall.provider import key_of


@dataclass
class Asked:
    """One request, which is known by its prompt."""

    prompt: str
    tenant: str
    config: dict
    lines: tuple[str, ...] = ()
    body: dict = field(default_factory=dict)
    seconds: float = 15.0
    """For which its caller waits."""
    got: client.Got | None = None
    attempts: list = field(default_factory=list)
    """What the provider saw."""

    def __str__(self):
        said = f"{self.got.status} {self.got.code or ''} after {self.got.seconds:.2f} s"
        return (
            f"{self.prompt} {json.dumps(self.config)}: {said}, {[attempt.painter.model for attempt in self.attempts]}"
        )

    __repr__ = __str__

    @property
    def answered(self):
        return self.got.status == 200

    @property
    def painters(self):
        return painters_in(self.got.body)

    @property
    def billed(self):
        return sum(attempt.billed for attempt in self.attempts)

    def number(self, name):
        return int(self.got.headers[name])


def ask_all(rig, requests, *, at_a_time):
    """Send requests, and note with each what came of it."""
    with ThreadPoolExecutor(at_a_time) as pool:
        list(pool.map(lambda asked: _ask(rig, asked), requests))
    seen = defaultdict(list)
    for attempt in rig.wall.log:
        seen[attempt.body["prompt"]].append(attempt)
    for asked in requests:
        asked.attempts = seen[asked.prompt]
    return requests


def _ask(rig, asked):
    with client.Line(rig.port, asked.seconds) as line:
        line.send(client.request(asked.config, {**asked.body, "prompt": asked.prompt}, *asked.lines))
        asked.got = line.answer()


def target(rig, tenant, name, model, *, port=None, provider="openai", **more):
    """Return a target of a config."""
    return {
        "name": name,
        "provider": provider,
        "api_key": key_of(tenant, name),
        "custom_host": f"http://127.0.0.1:{port or rig.wall.port}/v1",
        "override_params": {"model": model},
        **more,
    }
