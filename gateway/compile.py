"""Spec → tree: the callable form of a config, made once and shared by all its requests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gateway.config.spec import (
    DEFAULT_DEADLINE,
    ConditionalSpec,
    ConfigSpec,
    FallbackSpec,
    LoadBalanceSpec,
    NodeSpec,
    SingleSpec,
    TargetSpec,
    leaves,
)
from gateway.images import ImageReply, ImageRequest
from gateway.target import FanOut, ImageTarget
from strategies import (
    BILLING,
    Attempt,
    Branch,
    Cause,
    Conditional,
    Deadline,
    Fallback,
    FallbackRule,
    LoadBalance,
    Node,
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


def compile_config(spec: ConfigSpec, make_leaf: Callable[[TargetSpec, bool], ImageNode]) -> Route:
    """Return the route of a config; `make_leaf` is told whether its tree renames models anywhere."""
    targets = leaves(spec.root)
    renames = any(renames_model(target) for target in targets)
    return Route(
        spec=spec,
        tree=_node(spec.root, lambda target: make_leaf(target, renames)),
        targets={target.path: target for target in targets},
        renames=renames,
        deadline=spec.root.deadline or DEFAULT_DEADLINE,
    )


def _node(spec: NodeSpec, make_leaf: Callable[[TargetSpec], ImageNode]) -> ImageNode:
    node = _bare_node(spec, make_leaf)
    return node if spec.deadline is None else Deadline(node, spec.deadline)


def _bare_node(spec: NodeSpec, make_leaf: Callable[[TargetSpec], ImageNode]) -> ImageNode:
    if isinstance(spec, TargetSpec):
        return _leaf(spec, make_leaf(spec))
    children = tuple(_node(child, make_leaf) for child in spec.children)
    match spec:
        case FallbackSpec():
            return Fallback(children, fallback_rule(spec))
        case LoadBalanceSpec():
            return LoadBalance(children, spec.weights)
        case ConditionalSpec():
            branches = tuple(Branch(condition.holds, children[condition.then]) for condition in spec.conditions)
            return Conditional(branches, None if spec.default is None else children[spec.default])
        case SingleSpec():
            return children[0]


def fallback_rule(spec: FallbackSpec) -> FallbackRule:
    """Return when a fallback moves on."""
    causes = None if spec.on_causes is None else frozenset(map(Cause, spec.on_causes))
    return FallbackRule(spec.on_status_codes, causes)


def retry_rule(spec: TargetSpec) -> RetryRule:
    """Return when a target is tried again."""
    rule = RetryRule(attempts=spec.retry.attempts, use_retry_after=spec.retry.use_retry_after_header)
    codes = spec.retry.on_status_codes
    return rule if codes is None else replace(rule, on_status_codes=codes)


def _leaf(spec: TargetSpec, leaf: ImageNode) -> ImageNode:
    """Nest one target, outermost first: fan-out → retry → attempt (counted, judged for money) → timeout → leaf."""
    attempt = Attempt(spec.path, Timeout(leaf, spec.request_timeout), BILLING[spec.billing])
    again = Retry(attempt, retry_rule(spec))
    return FanOut(again, leaf) if isinstance(leaf, ImageTarget) else again
