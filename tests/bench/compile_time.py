"""What a config costs inside the gateway: compiled for the first time, and found again."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TARGETS = 32


@dataclass(frozen=True, slots=True)
class Subject:
    """The gateway's two ways to a tree; each call is one use, and is given what a request would bring."""

    compile: Callable[[dict[str, Any]], object]
    """Document → tree, nothing remembered."""
    look_up: Callable[[dict[str, Any]], object]
    """The same document again: the tree of before."""


def connect() -> Subject | None:
    """Return the gateway's functions, imported here and not above; `None` while they are not connected."""
    return None


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
