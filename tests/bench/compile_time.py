"""What a config costs inside the gateway: compiled for the first time, and found again."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.choose import Chooser
from gateway.compile import compile_config
from gateway.config.document import Document
from gateway.config.parse import parse
from gateway.config.snapshot import Snapshot
from gateway.config.spec import TargetSpec
from gateway.providers import PROVIDERS
from gateway.target import ImageTarget, Outside
from gateway.transport import Transport

TARGETS = 32


@dataclass(frozen=True, slots=True)
class Subject:
    """The gateway's two ways to a tree; each call is one use, and is given what a request would bring."""

    compile: Callable[[dict[str, Any]], object]
    """Document → tree, nothing remembered."""
    look_up: Callable[[dict[str, Any]], object]
    """The same document again: the tree of before."""


def connect() -> Subject:
    """Return the gateway's functions, with a transport that is never opened."""
    transport = Transport(max_response_bytes=0, trust_loopback=False)

    def make_leaf(spec: TargetSpec, checks: bool) -> ImageTarget:
        return ImageTarget(spec, PROVIDERS[spec.provider], Outside(transport=transport), checks)

    chooser = Chooser(Snapshot(), default_config=None, trusted_hosts=(), make_leaf=make_leaf)
    headers = {"x-portkey-config": orjson.dumps(wide_config()).decode()}
    return Subject(
        compile=lambda document: compile_config(parse(Document(data=document), virtual_keys={}), make_leaf),
        look_up=lambda _: chooser.choose(headers, "gpt-image-1"),
    )


def wide_config() -> dict[str, Any]:
    """Return a config with as many targets as one node may have."""
    targets = [
        {
            "name": f"target-{number}",
            "provider": "openai",
            "api_key": f"test-key-{number}-not-real",
            "weight": number + 1,
            "retry": {"attempts": 2, "on_status_codes": [429, 503]},
            "request_timeout": 60000,
            "override_params": {"model": "gpt-image-1"},
        }
        for number in range(TARGETS)
    ]
    return {"strategy": {"mode": "loadbalance"}, "targets": targets}


def seconds_each(work: Callable[[dict[str, Any]], object], *, seconds: float = 0.5, batch: int = 10) -> float:
    """Return what one call takes: the median over batches, after one for warmth."""
    document = wide_config()
    batches: list[float] = []
    ends = time.perf_counter() + seconds
    while not batches or time.perf_counter() < ends:
        begin = time.perf_counter()
        for _ in range(batch):
            work(document)
        batches.append((time.perf_counter() - begin) / batch)
    return statistics.median(batches[1:] or batches)
