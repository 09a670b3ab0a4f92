"""A route as it is written, drawn without any request: what the console shows before anything runs."""

from typing import Any

from gateway.config.spec import ConditionalSpec, ConfigSpec, FallbackSpec, LoadBalanceSpec, NodeSpec, TargetSpec, leaves


def shape_of(spec: NodeSpec) -> dict[str, Any]:
    """Return a node with all that stands below it, as JSON."""
    told: dict[str, Any] = {"path": spec.path, "name": spec.name, "mode": mode_of(spec)}
    if spec.deadline is not None:
        told["deadline_ms"] = round(spec.deadline * 1000)
    match spec:
        case TargetSpec():
            return told | _of_target(spec)
        case FallbackSpec():
            told["on_status_codes"] = None if spec.on_status_codes is None else sorted(spec.on_status_codes)
            told["on_causes"] = None if spec.on_causes is None else sorted(spec.on_causes)
        case LoadBalanceSpec():
            told["algorithm"] = spec.algorithm
            told["sticky"] = None if spec.sticky is None else [*spec.sticky.hash_fields]
        case ConditionalSpec():
            names = [child.name or child.path for child in spec.children]
            told["conditions"] = [{"query": row.query, "then": names[row.then]} for row in spec.conditions]
            told["default"] = None if spec.default is None else names[spec.default]
    children = [shape_of(child) for child in spec.children]
    if isinstance(spec, LoadBalanceSpec):
        total = sum(spec.weights)
        for child, weight in zip(children, spec.weights, strict=True):
            child["share"] = round(weight / total, 6)
    return told | {"children": children}


def mode_of(spec: NodeSpec) -> str:
    """Return the word that a config says for a node."""
    match spec:
        case TargetSpec():
            return "target"
        case FallbackSpec():
            return "fallback"
        case LoadBalanceSpec():
            return "loadbalance"
        case ConditionalSpec():
            return "conditional"
        case _:
            return "single"


def names_of(spec: ConfigSpec) -> dict[str, str]:
    """Return what each target is called: path → name, or path where it has none."""
    return {target.path: target.name or target.path for target in leaves(spec.root)}


def _of_target(spec: TargetSpec) -> dict[str, Any]:
    shaping = spec.shaping
    return {
        "provider": spec.provider,
        "virtual_key": spec.virtual_key,
        "model": shaping.override_params.get("model", shaping.default_params.get("model")),
        "retries": spec.retry.attempts,
        "request_timeout_ms": None if spec.request_timeout is None else round(spec.request_timeout * 1000),
        "billing": spec.billing,
        "max_cost_usd": spec.max_cost,
        "cache": spec.cache is not None,
        "hedge": spec.hedge is not None,
        "children": [],
    }
