"""The story of a route before it runs: the tree walked with a request in hand, nothing sent, nothing spent."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.catalogue import find, range_
from gateway.compile import Route
from gateway.config.spec import (
    ConditionalSpec,
    FallbackSpec,
    LoadBalanceSpec,
    NodeSpec,
    SingleSpec,
    TargetSpec,
)
from gateway.images import ImageRequest
from gateway.secret import Secret
from gateway.target import ImageTarget
from gateway.wire import Draw, MissingCredential, Paint, Received, Send, Wait, failure_of
from strategies import BILLING, Cause, Failure, FallbackRule

LeafOf = Callable[[TargetSpec, bool], ImageTarget]

_LONGEST_RETRY_WAIT = 8.0


@dataclass(frozen=True, slots=True)
class _Fate:
    """What may become of a node: whether it may answer, and how it may fail (`None`: in any way)."""

    may_answer: bool = True
    failures: tuple[Failure, ...] | None = None

    def may_pass(self, rule: FallbackRule) -> bool:
        """Whether a fallback may have to go on after it."""
        return self.failures is None or any(rule.falls_through(failure) for failure in self.failures)


@dataclass(frozen=True, slots=True)
class _Worst:
    """The most that a node can take: attempts, seconds, dollars."""

    attempts: int = 0
    seconds: float = 0.0
    dollars: float | None = 0.0

    def then(self, other: "_Worst") -> "_Worst":
        """Both, one after the other."""
        dollars = None if self.dollars is None or other.dollars is None else self.dollars + other.dollars
        return _Worst(self.attempts + other.attempts, self.seconds + other.seconds, dollars)

    def or_else(self, other: "_Worst") -> "_Worst":
        """Either of them, whichever is worse in each respect."""
        dollars = None if self.dollars is None or other.dollars is None else max(self.dollars, other.dollars)
        return _Worst(max(self.attempts, other.attempts), max(self.seconds, other.seconds), dollars)


def explain(
    route: Route, request: ImageRequest, leaf_of: LeafOf, assume: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Return the walked tree; `assume` says which status a target, by name or path, is taken to answer with."""
    walk = _Walk(request, leaf_of, assume or {}, route.renames)
    tree, _, worst = walk.node(route.spec.root)
    attempts = min(worst.attempts, route.spec.max_attempts or worst.attempts)
    return {
        "config": {
            "id": route.spec.id,
            "version": route.spec.version,
            "description": route.spec.description,
        },
        "request": dict(request.params),
        "metadata": dict(request.metadata),
        "cache": "DISABLED",
        "tree": tree,
        "worst_case": {
            "attempts": attempts,
            "seconds": round(min(worst.seconds, route.deadline), 3),
            "cost_usd": worst.dollars,
        },
    }


class _Walk:
    """One walk: the request is fixed, the nodes follow one another."""

    def __init__(self, request: ImageRequest, leaf_of: LeafOf, assume: Mapping[str, int], renames: bool) -> None:  # noqa: FBT001
        self._request = request
        self._leaf_of = leaf_of
        self._assume = assume
        self._renames = renames

    def node(self, spec: NodeSpec) -> tuple[dict[str, Any], _Fate, _Worst]:
        match spec:
            case TargetSpec():
                told, fate, worst = self._target(spec)
            case FallbackSpec():
                told, fate, worst = self._fallback(spec)
            case LoadBalanceSpec():
                told, fate, worst = self._load_balance(spec)
            case ConditionalSpec():
                told, fate, worst = self._conditional(spec)
            case SingleSpec():
                told, fate, worst = self._single(spec)
        if spec.deadline is not None:
            told["deadline_ms"] = round(spec.deadline * 1000)
            worst = replace(worst, seconds=min(worst.seconds, spec.deadline))
        return told, fate, worst

    def _fallback(self, spec: FallbackSpec) -> tuple[dict[str, Any], _Fate, _Worst]:
        causes = None if spec.on_causes is None else frozenset(map(Cause, spec.on_causes))
        rule = FallbackRule(spec.on_status_codes, causes)
        children: list[dict[str, Any]] = []
        whole, worst, stopped_by = _Fate(may_answer=False, failures=()), _Worst(), None
        for child in spec.children:
            if stopped_by is not None:
                children.append(_skipped(child, f"{stopped_by} is not passed over by this fallback"))
                continue
            told, fate, child_worst = self.node(child)
            children.append(told)
            worst = worst.then(child_worst)
            whole = _Fate(whole.may_answer or fate.may_answer, fate.failures)
            if not fate.may_pass(rule):
                stopped_by = child.name or child.path
        told = _inner(spec, "fallback", children)
        if spec.on_status_codes is not None:
            told["on_status_codes"] = sorted(spec.on_status_codes)
        if spec.on_causes is not None:
            told["on_causes"] = sorted(spec.on_causes)
        return told, whole, worst

    def _load_balance(self, spec: LoadBalanceSpec) -> tuple[dict[str, Any], _Fate, _Worst]:
        total = sum(spec.weights)
        children: list[dict[str, Any]] = []
        worst = _Worst()
        fates: list[_Fate] = []
        for child, weight in zip(spec.children, spec.weights, strict=True):
            if weight == 0:
                children.append(_skipped(child, "its weight is 0") | {"share": 0.0})
                continue
            told, fate, child_worst = self.node(child)
            children.append(told | {"share": round(weight / total, 6)})
            worst = worst.or_else(child_worst)
            fates.append(fate)
        return _inner(spec, "loadbalance", children), _any_of(fates), worst

    def _conditional(self, spec: ConditionalSpec) -> tuple[dict[str, Any], _Fate, _Worst]:
        chosen: int | None = None
        conditions = []
        for condition in spec.conditions:
            holds = condition.holds(self._request) if chosen is None else None
            if holds:
                chosen = condition.then
            target = spec.children[condition.then]
            conditions.append({"query": condition.query, "then": target.name or target.path, "holds": holds})
        by_default = chosen is None
        if by_default:
            chosen = spec.default
        children: list[dict[str, Any]] = []
        fate, worst = _Fate(may_answer=False, failures=(_no_route(),)), _Worst()
        for index, child in enumerate(spec.children):
            if index == chosen:
                told, fate, worst = self.node(child)
                children.append(told)
            else:
                children.append(_skipped(child, "the conditions chose another target"))
        told = _inner(spec, "conditional", children) | {"conditions": conditions}
        told["chosen"] = None if chosen is None else children[chosen]["path"]
        told["by_default"] = by_default and chosen is not None
        if chosen is None:
            told["problem"] = {"cause": "invalid", "code": "no_route", "message": _no_route().message}
        return told, fate, worst

    def _single(self, spec: SingleSpec) -> tuple[dict[str, Any], _Fate, _Worst]:
        told, fate, worst = self.node(spec.children[0])
        rest = [_skipped(child, "`mode: single` uses the first target alone") for child in spec.children[1:]]
        return _inner(spec, "single", [told, *rest]), fate, worst

    def _target(self, spec: TargetSpec) -> tuple[dict[str, Any], _Fate, _Worst]:
        leaf = self._leaf_of(spec, self._renames)
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
        }
        prepared = leaf.prepare(self._request)
        if isinstance(prepared, Failure):
            told["problem"] = {"cause": prepared.cause.value, "code": prepared.code, "message": prepared.message}
            return told, _Fate(may_answer=False, failures=(prepared,)), _Worst(attempts=1)
        params = prepared.request.params
        told["model"] = params.get("model")
        told["adaptations"] = [str(adaptation) for adaptation in prepared.adaptations]
        told["send"] = _first_send(leaf, prepared.request)
        row = find(spec.provider, params.get("model"), spec.options)
        prices = None if row is None else range_(row, params)
        told["price_usd"] = None if prices is None else list(prices)
        assumed = self._assumed(spec)
        told["assumed"] = None if assumed is None else assumed[0]
        fate = _Fate() if assumed is None else assumed[1]
        return told, fate, _worst_of(spec, None if prices is None else prices[1])

    def _assumed(self, spec: TargetSpec) -> tuple[int, _Fate] | None:
        for key in filter(None, (spec.name, spec.path)):
            if key in self._assume:
                status = self._assume[key]
                if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own numbers
                    return status, _Fate(failures=())
                failure = failure_of(Received(status, {}, b""), f"assumed to answer {status}")
                return status, _Fate(may_answer=False, failures=(failure,))
        return None


def _worst_of(spec: TargetSpec, dearest: float | None) -> _Worst:
    attempts = 1 + spec.retry.attempts
    limit = math.inf if spec.request_timeout is None else spec.request_timeout
    waits = spec.retry.attempts * _LONGEST_RETRY_WAIT
    paid = min(attempts, 1 + BILLING[spec.billing])
    return _Worst(attempts, attempts * limit + waits, None if dearest is None else dearest * paid)


def _first_send(leaf: ImageTarget, request: ImageRequest) -> dict[str, Any]:
    """Return the first request that the adapter would send, without its secrets."""
    try:
        headers = leaf.headers_for(request)
    except MissingCredential as missing:
        return {"problem": str(missing)}
    flow = leaf.adapter.flow(request, leaf.wire)
    step = flow.send(None)
    while isinstance(step, Draw | Wait):
        step = flow.send(1.0 if isinstance(step, Draw) else None)
    flow.close()
    if isinstance(step, Paint):
        return {"local": "painted by the gateway itself"}
    if not isinstance(step, Send):
        return {"problem": "the adapter sends nothing"}
    secrets = [*leaf.spec.credentials.values(), *([request.credential] if request.credential else [])]
    return {
        "method": step.method,
        "url": leaf.base_url + step.path,
        "headers": {name: _redacted(value, secrets) for name, value in {**headers, **step.headers}.items()},
        "json": step.json,
    }


def _redacted(value: str, secrets: list[Secret]) -> str:
    for secret in secrets:
        value = value.replace(secret.reveal(), "***")
    return value


def _any_of(fates: list[_Fate]) -> _Fate:
    if any(fate.failures is None for fate in fates):
        return _Fate()
    failures = tuple(failure for fate in fates for failure in fate.failures or ())
    return _Fate(any(fate.may_answer for fate in fates), failures)


def _inner(spec: NodeSpec, mode: str, children: list[dict[str, Any]]) -> dict[str, Any]:
    return {"path": spec.path, "name": spec.name, "mode": mode, "reachable": True, "children": children}


def _skipped(spec: NodeSpec, why: str) -> dict[str, Any]:
    mode = "target" if isinstance(spec, TargetSpec) else "group"
    return {"path": spec.path, "name": spec.name, "mode": mode, "reachable": False, "why": why}


def _no_route() -> Failure:
    return Failure(
        cause=Cause.INVALID, code="no_route", reached=False, message="no condition holds and there is no `default`"
    )
