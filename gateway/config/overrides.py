"""What a request's headers change in every target of a config."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.config.spec import ConfigSpec, NodeSpec, TargetSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """The settings that a header beats every target's own value with."""

    custom_host: str | None = None
    custom_host_trusted: bool = False
    forward_headers: tuple[str, ...] | None = None
    request_timeout: float | None = None
    """Seconds."""


def with_overrides(spec: ConfigSpec, overrides: Overrides) -> ConfigSpec:
    """Return the config with the overrides in all of its targets."""

    def changed(target: TargetSpec) -> TargetSpec:
        if overrides.custom_host is not None:
            target = replace(
                target, custom_host=overrides.custom_host, custom_host_trusted=overrides.custom_host_trusted
            )
        if overrides.forward_headers is not None:
            target = replace(target, forward_headers=overrides.forward_headers)
        if overrides.request_timeout is not None:
            target = replace(target, request_timeout=overrides.request_timeout)
        return target

    return replace(spec, root=_mapped(spec.root, changed))


def _mapped(node: NodeSpec, change: Callable[[TargetSpec], TargetSpec]) -> NodeSpec:
    if isinstance(node, TargetSpec):
        return change(node)
    return replace(node, children=tuple(_mapped(child, change) for child in node.children))
