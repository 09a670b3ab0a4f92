"""`GET /v1/health/targets`: how the targets are, as the workers of this gateway know them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from gateway.cockpit.desk import Desk
from gateway.cockpit.moment import Known
from gateway.config.spec import TargetSpec
from gateway.http.control.operator import operator_of
from gateway.http.control.plane import Told
from gateway.target import ImageTarget

_MOST = 1000
_ORDER = {"sick": 0, "left alone": 1, "trying": 2, "well": 3, "not asked yet": 4}
_MOST_USES = 8
_Use = tuple[ImageTarget, TargetSpec, str | None]
"""A target, as it is written, and the config that it is written in."""


async def targets(desk: Desk, request: Request) -> Told:
    """Answer one request."""
    operator_of(request, "logs.list")
    used: dict[bytes, list[_Use]] = {}
    for use in _uses(desk):
        used.setdefault(use[0].known_as, []).append(use)
    moments = await desk.moments.all()
    known: dict[tuple[bytes, str], list[Known]] = {}
    for moment in moments:
        for target in moment.targets:
            if target.identity in used:
                known.setdefault((target.identity, target.model), []).append(target)
    rows: list[dict[str, Any]] = []
    for (identity, model), in_workers in known.items():
        uses = used[identity]
        own = [use for use in uses if use[0].adapter.local or use[0].model in (None, model)] or uses
        rows.append(_about(own) | _state(in_workers) | {"model": own[0][0].model or model or None})
    asked = {identity for identity, _ in known}
    for identity, uses in used.items():
        if identity not in asked:
            rows.append(_about(uses) | _UNASKED | {"model": uses[0][0].model})
    rows.sort(key=lambda row: (_ORDER[row["state"]], row["provider"], row["model"] or ""))
    return {
        "object": "list",
        "total": len(rows),
        "data": rows[:_MOST],
        "workers": desk.settings.workers,
        "workers_heard": len(moments),
        "in_flight": sum(moment.in_flight for moment in moments),
        "waiting": sum(moment.waiting for moment in moments),
    }


_UNASKED: dict[str, Any] = {
    "state": "not asked yet",
    "for_seconds": 0.0,
    "in_workers": 0,
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


def _state(known: Sequence[Known]) -> dict[str, Any]:
    """Return how a target is, told by those workers for which it is worst, and for how long by the last of them."""
    worst = min(_ORDER[each.state] for each in known)
    alike = [each for each in known if _ORDER[each.state] == worst]
    return {
        "state": alike[0].state,
        "for_seconds": round(max(each.left for each in alike), 1),
        "in_workers": len(alike),
        "in_flight": sum(each.in_flight for each in known),
        "latency_ms": _slowest(each.latency for each in known),
        "p95_ms": _slowest(each.p95 for each in known),
    }


def _slowest(seconds: Iterable[float | None]) -> int | None:
    known = [each for each in seconds if each is not None]
    return round(max(known) * 1000) if known else None
