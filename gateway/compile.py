"""Spec → tree: the callable form of a config, made once and shared by all its requests."""

import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gateway.config.spec import (
    DEFAULT_DEADLINE,
    ConditionalSpec,
    ConfigSpec,
    FallbackSpec,
    HedgeSpec,
    LoadBalanceSpec,
    NodeSpec,
    SingleSpec,
    StickySpec,
    TargetSpec,
    leaves,
)
from gateway.images import ImageReply, ImageRequest
from gateway.target import Cached, Ceiling, FanOut, ImageTarget, Paid
from strategies import (
    BILLING,
    Attempt,
    Branch,
    Cause,
    Conditional,
    Deadline,
    Fallback,
    FallbackRule,
    Gate,
    Hedge,
    LoadBalance,
    Node,
    Preference,
    Retry,
    RetryRule,
    Timeout,
)

_DEPLOYMENTS = frozenset({"azure_deployment_id", "azure_model_name"})

ImageNode = Node[ImageRequest, ImageReply]


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A config ready to serve: what was written, and the tree that runs."""

    spec: ConfigSpec
    tree: ImageNode
    targets: Mapping[str, TargetSpec]
    """Path → target, in the order they are written."""
    caches: Mapping[str, Cached]
    """Path → cache, of the targets that have one."""
    renames: bool
    """Whether any target sends a model of its own choice, whatever the caller named."""
    deadline: float
    """Seconds for the whole request, unless the caller allows less."""


def renames_model(target: TargetSpec) -> bool:
    """Whether the target replaces the model that the caller named: by parameters, or as its deployment has its own."""
    shaping = target.shaping
    return (
        "model" in shaping.override_params
        or "model" in shaping.drop_params
        or not _DEPLOYMENTS.isdisjoint(target.options)
    )


def compile_config(
    spec: ConfigSpec,
    make_leaf: Callable[[TargetSpec, bool], ImageNode],
    now: Callable[[], float] | None = None,
) -> Route:
    """Return the route of a config; `make_leaf` is told whether its tree renames models anywhere.

    `now` is the time since 1970, where it is not the real one.
    """
    targets = leaves(spec.root)
    renames = any(renames_model(target) for target in targets)
    planting = _Planting(lambda target: make_leaf(target, renames), spec.version, now or time.time)  # noqa: TID251 - dates are the world's
    return Route(
        spec=spec,
        tree=planting.node(spec.root),
        targets={target.path: target for target in targets},
        caches=planting.caches,
        renames=renames,
        deadline=spec.root.deadline or DEFAULT_DEADLINE,
    )


class _Planting:
    """One compilation: the targets that are made are remembered, as their siblings are chosen by how they do."""

    def __init__(self, make_leaf: Callable[[TargetSpec], ImageNode], version: str, now: Callable[[], float]) -> None:
        self._make_leaf = make_leaf
        self._version = version
        self._now = now
        self._made: dict[str, ImageNode] = {}
        self.caches: dict[str, Cached] = {}

    def node(self, spec: NodeSpec) -> ImageNode:
        node = self._bare_node(spec)
        return node if spec.deadline is None else Deadline(node, spec.deadline)

    def _bare_node(self, spec: NodeSpec) -> ImageNode:
        if isinstance(spec, TargetSpec):
            leaf = self._made[spec.path] = self._make_leaf(spec)
            node = _target(spec, leaf)
            if spec.cache is None or not isinstance(leaf, ImageTarget):
                return node
            cached = self.caches[spec.path] = Cached(node, leaf, spec.cache, self._version)
            return cached
        children = tuple(self.node(child) for child in spec.children)
        match spec:
            case FallbackSpec():
                return self._fallback(spec, children)
            case LoadBalanceSpec():
                pin = None if spec.sticky is None else _pin(spec.sticky, self._now)
                return LoadBalance(children, spec.weights, self._preference(spec), pin)
            case ConditionalSpec():
                branches = tuple(Branch(condition.holds, children[condition.then]) for condition in spec.conditions)
                return Conditional(branches, None if spec.default is None else children[spec.default])
            case SingleSpec():
                return children[0]

    def _fallback(self, spec: FallbackSpec, children: tuple[ImageNode, ...]) -> ImageNode:
        """Put each target that is hedged together with all that may stand in for it."""
        *earlier, last = children
        rule, beyond = fallback_rule(spec), 0
        for index in range(len(earlier) - 1, -1, -1):
            child = spec.children[index]
            leaf = self._made.get(child.path)
            if isinstance(child, TargetSpec) and child.hedge is not None and isinstance(leaf, ImageTarget):
                rest = (*earlier[index + 1 :], last)
                second = rest[0] if len(rest) == 1 else Fallback(rest, rule, beyond)
                after, allowance = _patience(child.hedge, leaf), BILLING[child.billing]
                behind = len(children) - 1 - index
                last = Hedge(earlier[index], second, after, leaf.health, rule, allowance, behind - 1)
                beyond = behind
                del earlier[index:]
        return Fallback((*earlier, last), rule, beyond)

    def _preference(self, spec: LoadBalanceSpec) -> Preference[ImageRequest] | None:
        """Return how the children are compared; a group counts as its first target."""
        found = [self._made[leaves(child)[0].path] for child in spec.children]
        firsts = [leaf for leaf in found if isinstance(leaf, ImageTarget)]
        if len(firsts) < len(found):
            return None
        match spec.algorithm:
            case "weighted":
                return None
            case "least_latency":
                return Preference(lambda request, index: firsts[index].health(request).load, looks_at=2)
            case "least_inflight":
                return Preference(lambda request, index: firsts[index].health(request).in_flight / spec.weights[index])
            case "cheapest":
                return Preference(lambda request, index: firsts[index].price(request))


def _pin(sticky: StickySpec, now: Callable[[], float]) -> Callable[[ImageRequest], str | None]:
    """Return what a request is pinned by: its fields, and the stretch of time, which begins elsewhere for each."""

    def pin(request: ImageRequest) -> str | None:
        word = sticky.read(request)
        if word is None:
            return None
        offset = zlib.crc32(word.encode()) % sticky.ttl
        return f"{word}@{int(now() + offset) // sticky.ttl}"

    return pin


def _patience(hedge: HedgeSpec, leaf: ImageTarget) -> Callable[[ImageRequest], float | None]:
    """Return how long a target may take before the next one is asked too; edits are large, and never hedged."""

    def after(request: ImageRequest) -> float | None:
        if request.operation != "generate":
            return None
        return leaf.health(request).p95 if hedge.after is None else hedge.after

    return after


def fallback_rule(spec: FallbackSpec) -> FallbackRule:
    """Return when a fallback moves on."""
    causes = None if spec.on_causes is None else frozenset(map(Cause, spec.on_causes))
    return FallbackRule(spec.on_status_codes, causes)


def retry_rule(spec: TargetSpec) -> RetryRule:
    """Return when a target is tried again."""
    rule = RetryRule(attempts=spec.retry.attempts, use_retry_after=spec.retry.use_retry_after_header)
    codes = spec.retry.on_status_codes
    return rule if codes is None else replace(rule, on_status_codes=codes)


def _target(spec: TargetSpec, leaf: ImageNode) -> ImageNode:
    """Nest one target, outermost first: fan-out → retry → gate → ceiling → paid → attempt → timeout → leaf."""
    attempt = Attempt(spec.path, Timeout(leaf, spec.request_timeout), BILLING[spec.billing])
    if not isinstance(leaf, ImageTarget):
        return Retry(attempt, retry_rule(spec))
    paid = Paid(attempt, leaf)
    gate = Gate(spec.path, paid if spec.max_cost is None else Ceiling(paid, leaf, spec.max_cost), leaf.health)
    return FanOut(Retry(gate, retry_rule(spec), lambda request: leaf.health(request).budget), leaf)
