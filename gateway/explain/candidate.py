"""One target that a request may come to: what it would be sent, what that costs, and whether it can fail at all."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.catalogue import price_range
from gateway.compile import retry_rule
from gateway.config.spec import TargetSpec
from gateway.explain.first_send import first_send
from gateway.explain.worst_case import Worst, worst_of
from gateway.images import CacheStatus, ImageRequest, Part
from gateway.rehearsal import Act
from gateway.target import ImageTarget, Prepared, too_dear
from strategies import Cause, Failure

LEFT_ALONE = Failure(
    cause=Cause.UNREACHABLE, message="it is left alone for a while", reached=False, may_be_billed=False, skipped=True
)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known, or assumed, beside the request."""

    assume: Mapping[str, Act]
    kept: Mapping[str, CacheStatus]
    now: float | None
    all_ways: bool = field(kw_only=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is told of one target."""

    told: dict[str, Any]
    worst: Worst
    act: Act | None = None
    """What it is taken to answer."""
    fails: Failure | None = None
    """What it is sure to fail with, whatever its provider might say."""

    @property
    def is_well(self) -> bool:
        """Whether it would be asked in its turn."""
        return bool(self.told.get("health", _WELL)["state"] == "well")


_WELL = {"state": "well"}


def candidate(leaf: ImageTarget, request: ImageRequest, known: Known) -> Candidate:
    """Return what is to be told of a target."""
    spec = leaf.spec
    told = _about(spec, known)
    prepared = _prepared(leaf, request)
    if isinstance(prepared, Failure):
        return _failing(told, prepared)
    params = prepared.request.params
    act = next((known.assume[key] for key in (spec.name or "", spec.path) if key in known.assume), None)
    told["model"] = params.get("model")
    told["adaptations"] = [str(adaptation) for adaptation in prepared.adaptations]
    told["assumed"] = None if act is None else act.answer
    step = first_send(leaf, prepared.request)
    if isinstance(step, Failure):
        told["problem"] = problem_of(step)
        if act is None or not step.reached:
            return _failing(told, step, 1 + retries_of(spec, step))
    else:
        told["send"] = step
    prices: tuple[float, float] | None = (0.0, 0.0) if leaf.adapter.local else None
    if prepared.row is not None:
        prices = price_range(prepared.row, params, prepared.asked)
    if prepared.calls > 1:
        told["calls"] = prepared.calls
    told["price_usd"] = None if prices is None else list(prices)
    if spec.max_cost is not None:
        told["max_cost_usd"] = spec.max_cost
        refused = too_dear(spec.name or spec.path, leaf.estimate(prepared), 0.0, spec.max_cost)
        if refused is not None:
            return _failing(told, refused, 0)
    if known.now is not None:
        state, left = leaf.health(request).told(known.now)
        told["health"] = {"state": state, "for_seconds": round(left, 3)}
    dearest = math.nan if prices is None else prices[1]
    return Candidate(told=told, worst=worst_of(spec, dearest, prepared.calls), act=act)


def _about(spec: TargetSpec, known: Known) -> dict[str, Any]:
    told: dict[str, Any] = {
        "path": spec.path,
        "name": spec.name,
        "mode": "target",
        "reachable": True,
        "provider": spec.provider,
        "virtual_key": spec.virtual_key,
        "request_timeout_ms": None if spec.request_timeout is None else round(spec.request_timeout * 1000),
        "retries": spec.retry.attempts,
        "billing": spec.billing,
        "cache": known.kept.get(spec.path, "DISABLED" if spec.cache is None else "MISS"),
    }
    if spec.hedge is not None:
        after = spec.hedge.after
        told["hedge_after"] = "95 % of its answers" if after is None else f"{after * 1000:.0f} ms"
    return told


def _prepared(leaf: ImageTarget, request: ImageRequest) -> Prepared | Failure:
    """Return the request as it would be sent; where several calls share its pictures, the first of them."""
    prepared = leaf.prepare(request)
    if isinstance(prepared, Failure) or prepared.calls == 1:
        return prepared
    shared = leaf.prepare(replace(request, part=Part(0, prepared.request.params["n"])))
    return shared if isinstance(shared, Failure) else replace(shared, asked=prepared.asked, calls=prepared.calls)


def _failing(told: dict[str, Any], failure: Failure, attempts: int = 1) -> Candidate:
    told["problem"] = problem_of(failure)
    return Candidate(told=told, worst=Worst(attempts=attempts), fails=failure)


def retries_of(spec: TargetSpec, failure: Failure) -> int:
    """Return how often a target would be tried again after a failure."""
    return spec.retry.attempts if retry_rule(spec).applies(failure) else 0


def problem_of(failure: Failure) -> dict[str, Any]:
    """Return a failure as it is told."""
    return {"cause": failure.cause.value, "code": failure.code, "message": failure.message}
