"""The story of a route before it runs: the tree walked with a request in hand, nothing sent, nothing spent."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gateway.compile import Route, fallback_rule
from gateway.config.conditions import fields_of, finder
from gateway.config.spec import (
    ConditionalSpec,
    FallbackSpec,
    LoadBalanceSpec,
    NodeSpec,
    SingleSpec,
    TargetSpec,
)
from gateway.explain.candidate import LEFT_ALONE, Known, candidate, problem_of, retries_of
from gateway.explain.failures import ANY_FAILURE, Failures
from gateway.explain.first_send import shown
from gateway.explain.worst_case import Worst
from gateway.images import CacheStatus, ImageRequest
from gateway.rehearsal import Act
from gateway.target import ImageTarget
from strategies import BILLING, NO_ROUTE, Failure

LeafOf = Callable[[TargetSpec, bool], ImageTarget]


def explain(
    route: Route,
    request: ImageRequest,
    leaf_of: LeafOf,
    assume: Mapping[str, Act] | None = None,
    *,
    seconds: float | None = None,
    kept: Mapping[str, CacheStatus] | None = None,
    now: float | None = None,
    all_ways: bool = False,
) -> dict[str, Any]:
    """Return the walked tree.

    `assume` says what a target, by name or path, is taken to answer; `seconds` what the caller allows; `kept` what the
    caches of targets, by path, have to say. With `now`, on the loop's clock, it is told how targets are at the moment.
    `all_ways` follows every way that some request might take, whatever the conditions say of this one.
    """
    known = Known(assume or {}, kept or {}, now, all_ways=all_ways)
    walk = _Walk(request, leaf_of, known, renames=route.renames)
    tree, _, worst = walk.node(route.spec.root)
    attempts = min(worst.attempts, route.spec.max_attempts or worst.attempts)
    # All paid attempts but the last have failed, and the money rule says how many of those there may be.
    failed = max(BILLING[target.billing] for target in route.targets.values())
    return {
        "config": {
            "id": route.spec.id,
            "version": route.spec.version,
            "description": route.spec.description,
        },
        "request": shown(request.params),
        "metadata": dict(request.metadata),
        "cache": walk.cache or "DISABLED",
        "tree": tree,
        "worst_case": {
            "attempts": attempts,
            "seconds": round(min(worst.seconds, seconds or route.deadline), 3),
            "cost_usd": worst.dollars(min(attempts, failed + 1)),
        },
    }


class _Walk:
    """One walk: the request is fixed, the nodes follow one another."""

    def __init__(
        self,
        request: ImageRequest,
        leaf_of: LeafOf,
        known: Known,
        *,
        renames: bool,
    ) -> None:
        self._request = request
        self._leaf_of = leaf_of
        self._known = known
        self._renames = renames
        self.cache: CacheStatus | None = None
        """What the cache of the first target that is reached says."""
        self._billed = 0
        """Failed attempts before the node in hand that are sure to count as maybe billed."""

    def node(self, spec: NodeSpec) -> tuple[dict[str, Any], Failures, Worst]:
        match spec:
            case TargetSpec():
                told, failures, worst = self._target(spec)
            case FallbackSpec():
                told, failures, worst = self._fallback(spec)
            case LoadBalanceSpec():
                told, failures, worst = self._load_balance(spec)
            case ConditionalSpec():
                told, failures, worst = self._conditional(spec)
            case SingleSpec():
                told, failures, worst = self._single(spec)
        if spec.deadline is not None:
            told["deadline_ms"] = round(spec.deadline * 1000)
            worst = replace(worst, seconds=min(worst.seconds, spec.deadline))
        return told, failures, worst

    def _fallback(self, spec: FallbackSpec) -> tuple[dict[str, Any], Failures, Worst]:
        rule = fallback_rule(spec)
        children: list[dict[str, Any]] = []
        final: list[Failure] = []
        worst, stopped = Worst(), None
        for child in spec.children:
            if stopped is not None:
                children.append(_skipped(child, stopped))
                continue
            told, failures, child_worst = self.node(child)
            children.append(told)
            worst = worst.then(child_worst)
            ending = [failure for failure in failures if not rule.falls_through(failure)]
            if len(ending) == len(failures):
                stopped = f"{child.name or child.path} {_why_it_ends(failures)}"
            final.extend(failures if child is spec.children[-1] else ending)
        told = _inner(spec, "fallback", children)
        if spec.on_status_codes is not None:
            told["on_status_codes"] = sorted(spec.on_status_codes)
        if spec.on_causes is not None:
            told["on_causes"] = sorted(spec.on_causes)
        return told, tuple(final), worst

    def _load_balance(self, spec: LoadBalanceSpec) -> tuple[dict[str, Any], Failures, Worst]:
        total = sum(spec.weights)
        children: list[dict[str, Any]] = []
        worst = Worst()
        all_failures: Failures = ()
        before, after = self._billed, []
        for child, weight in zip(spec.children, spec.weights, strict=True):
            if weight == 0:
                children.append(_skipped(child, "its weight is 0") | {"share": 0.0})
                continue
            self._billed = before
            told, failures, child_worst = self.node(child)
            after.append(self._billed)
            children.append(told | {"share": round(weight / total, 6) if spec.algorithm == "weighted" else None})
            worst = worst.or_else(child_worst)
            all_failures += failures
        self._billed = min(after)
        about = {"algorithm": spec.algorithm, "sticky": None if spec.sticky is None else [*spec.sticky.hash_fields]}
        return _inner(spec, "loadbalance", children) | about, all_failures, worst

    def _conditional(self, spec: ConditionalSpec) -> tuple[dict[str, Any], Failures, Worst]:
        if self._known.all_ways:
            return self._any_way(spec)
        chosen: int | None = None
        conditions = []
        for condition in spec.conditions:
            holds = condition.holds(self._request) if chosen is None else None
            if holds:
                chosen = condition.then
            target = spec.children[condition.then]
            values = {} if holds is None else _values(condition.query, self._request)
            conditions.append(
                {"query": condition.query, "then": target.name or target.path, "holds": holds, "values": values}
            )
        by_default = chosen is None
        if by_default:
            chosen = spec.default
        children: list[dict[str, Any]] = []
        failures: Failures = (NO_ROUTE,)
        worst = Worst()
        for index, child in enumerate(spec.children):
            if index == chosen:
                told, failures, worst = self.node(child)
                children.append(told)
            else:
                children.append(_skipped(child, "the conditions chose another target"))
        told = _inner(spec, "conditional", children) | {"conditions": conditions}
        told["chosen"] = None if chosen is None else children[chosen]["path"]
        told["by_default"] = by_default and chosen is not None
        if chosen is None:
            told["problem"] = problem_of(NO_ROUTE)
        return told, failures, worst

    def _any_way(self, spec: ConditionalSpec) -> tuple[dict[str, Any], Failures, Worst]:
        children: list[dict[str, Any]] = []
        failures: Failures = ()
        worst = Worst()
        before, after = self._billed, []
        for child in spec.children:
            self._billed = before
            told, child_failures, child_worst = self.node(child)
            after.append(self._billed)
            children.append(told)
            worst = worst.or_else(child_worst)
            failures += child_failures
        self._billed = min(after)
        return _inner(spec, "conditional", children), failures, worst

    def _single(self, spec: SingleSpec) -> tuple[dict[str, Any], Failures, Worst]:
        told, failures, worst = self.node(spec.children[0])
        rest = [_skipped(child, "`mode: single` uses the first target alone") for child in spec.children[1:]]
        return _inner(spec, "single", [told, *rest]), failures, worst

    def _target(self, spec: TargetSpec) -> tuple[dict[str, Any], Failures, Worst]:
        found = candidate(self._leaf_of(spec, self._renames), self._request, self._known)
        self.cache = self.cache or found.told["cache"]
        if found.fails is not None:
            return found.told, (self._certain(spec, found.fails),), found.worst
        skipped = () if found.is_well else (LEFT_ALONE,)
        return found.told, skipped + self._failures(spec, found.act), found.worst

    def _failures(self, spec: TargetSpec, act: Act | None) -> Failures:
        """Return how a target may fail that is taken to answer so, where that is said."""
        if act is None:
            spent = self._billed + 1 > BILLING[spec.billing]
            return tuple(
                replace(failure, terminal=True) if spent and failure.billable else failure for failure in ANY_FAILURE
            )
        return () if act.paints else (self._certain(spec, act.failure(spec.provider)),)

    def _certain(self, spec: TargetSpec, failure: Failure) -> Failure:
        """Count what is sure to happen, and mark it where the money rule lets nothing follow it."""
        if not failure.billable:
            return failure
        self._billed += 1 + retries_of(spec, failure)
        return replace(failure, terminal=self._billed > BILLING[spec.billing])


def _values(query: Mapping[str, Any], request: ImageRequest) -> dict[str, Any]:
    """Return what a request has in the fields that a condition asks for; null for what it has not."""
    finds = {name: finder(name) for name in fields_of(query)}
    return {name: shown(find(request)) for name, find in finds.items() if find is not None}


def _why_it_ends(failures: Failures) -> str:
    if not failures:
        return "answers before it"
    if all(failure.terminal for failure in failures):
        return "may have been billed too often by then (`billing`)"
    return "is not passed over by this fallback"


def _inner(spec: NodeSpec, mode: str, children: list[dict[str, Any]]) -> dict[str, Any]:
    return {"path": spec.path, "name": spec.name, "mode": mode, "reachable": True, "children": children}


def _skipped(spec: NodeSpec, why: str) -> dict[str, Any]:
    mode = "target" if isinstance(spec, TargetSpec) else "group"
    return {"path": spec.path, "name": spec.name, "mode": mode, "reachable": False, "why": why}
