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
from gateway.images import ImageRequest
from gateway.target import ImageTarget

_MOST = 1000
_ORDER = {"sick": 0, "left alone": 1, "trying": 2, "well": 3, "not asked yet": 4}
_MOST_USES = 8
_Use = tuple[ImageTarget, TargetSpec, str | None]
"""A target, as it is written, and the config that it is written in."""
_Name = tuple[bytes, str | None]
"""Under what a target is known: its identity, and its model, unless that is left to its callers."""


async def targets(desk: Desk, request: Request) -> Told:
    """Answer one request."""
    operator_of(request, "logs.list")
    used: dict[_Name, list[_Use]] = {}
    for use in _uses(desk):
        used.setdefault(_name(use[0]), []).append(use)
    moments = await desk.moments.all()
    known: dict[_Name, list[Known]] = {}
    for moment in moments:
        for target in moment.targets:
            known.setdefault((target.identity, target.model), []).append(target)
    rows: list[dict[str, Any]] = []
    asked: set[_Name] = set()
    for (identity, model), in_workers in known.items():
        names = [name for name in ((identity, model), (identity, None)) if name in used]
        if names:
            asked.update(names)
            uses = [use for name in names for use in used[name]]
            rows.append(_about(uses) | _state(in_workers) | {"model": _model(uses[0][0]) or model or None})
    for name, uses in used.items():
        if name not in asked:
            rows.append(_about(uses) | _UNASKED | {"model": _model(uses[0][0])})
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


def _name(leaf: ImageTarget) -> _Name:
    identity, model = leaf.called(ImageRequest(params={}))
    return identity, model or None


def _model(leaf: ImageTarget) -> str | None:
    # What the sandbox plays is a part of what it is known by, and none of its model's name.
    return leaf.model or (leaf.spec.provider if leaf.adapter.local else None)


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
