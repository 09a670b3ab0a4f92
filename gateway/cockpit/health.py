"""`GET /v1/health/targets`: how the targets are, as this process knows them."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from gateway.cockpit.desk import Desk
from gateway.config.spec import TargetSpec
from gateway.http.control.operator import operator_of
from gateway.http.control.plane import Told
from gateway.target import ImageTarget
from strategies import Health

_MOST = 1000
_MOST_USES = 8
_Use = tuple[ImageTarget, TargetSpec, str | None]
"""A target, as it is written, and the config that it is written in."""


async def targets(desk: Desk, request: Request) -> Told:
    """Answer one request."""
    operator_of(request, "logs.list")
    now = asyncio.get_running_loop().time()
    known: dict[bytes, list[_Use]] = {}
    for use in _uses(desk):
        known.setdefault(use[0].known_as, []).append(use)
    rows: list[dict[str, Any]] = []
    seen: set[bytes] = set()
    for identity, model, health in desk.pools.each():
        uses = known.get(identity)
        if uses is not None and len(rows) < _MOST:
            seen.add(identity)
            own = [use for use in uses if use[0].adapter.local or use[0].model in (None, model)] or uses
            rows.append(_about(own) | _state(health, now) | {"model": own[0][0].model or model or None})
    for identity, uses in known.items():
        if identity not in seen and len(rows) < _MOST:
            rows.append(_about(uses) | _UNASKED | {"model": uses[0][0].model})
    order = {"sick": 0, "left alone": 1, "trying": 2, "well": 3, "not asked yet": 4}
    rows.sort(key=lambda row: (order[row["state"]], row["provider"], row["model"] or ""))
    seats = desk.seats
    return {
        "object": "list",
        "total": len(rows),
        "data": rows,
        "worker": os.getpid(),
        "workers": desk.settings.workers,
        "in_flight": 0 if seats is None else seats.taken,
        "waiting": 0 if seats is None else seats.waiting,
    }


_UNASKED: dict[str, Any] = {
    "state": "not asked yet",
    "for_seconds": 0.0,
    "in_flight": 0,
    "latency_ms": None,
    "p95_ms": None,
}


def _uses(desk: Desk) -> Iterator[_Use]:
    """Yield the targets of all routes that are known; those with their callers' own credentials are nobody's here."""
    leaf_of = desk.leaf_of()
    for route in desk.chooser().routes():
        for spec in route.targets.values():
            yield leaf_of(spec, False), spec, route.spec.id  # noqa: FBT003 - as the tree calls it


def _about(uses: Sequence[_Use]) -> dict[str, Any]:
    leaf, spec, config = uses[0]
    return {
        "provider": spec.provider,
        "host": None if leaf.adapter.local else urlsplit(leaf.base_url).netloc,
        "name": spec.name,
        "virtual_key": spec.virtual_key,
        "config": config,
        "used_by": [{"config": each, "name": spec.name or spec.path} for _, spec, each in uses[:_MOST_USES]],
        "max_in_flight": spec.max_in_flight,
    }


def _state(health: Health, now: float) -> dict[str, Any]:
    state, left = health.told(now)
    latency, p95 = health.latency, health.p95
    return {
        "state": state,
        "for_seconds": round(left, 1),
        "in_flight": health.in_flight,
        "latency_ms": None if latency is None else round(latency * 1000),
        "p95_ms": None if p95 is None else round(p95 * 1000),
    }
