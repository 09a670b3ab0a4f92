"""What is refused before anything is sent: nothing of it could be served, so nothing is spent on it."""

from collections.abc import Iterator

from gateway.catalogue import Catalogue, ModelRow, malformed, refusal
from gateway.compile import Route
from gateway.config.spec import TargetSpec
from gateway.errors import GatewayError
from gateway.images import ImageRequest


def objection(request: ImageRequest, route: Route, catalogue: Catalogue) -> GatewayError | None:
    """Return what no provider could do, or what the model that the caller named does not take; else `None`."""
    problem = malformed(request.params, needs_prompt=_needs_prompt(request, route, catalogue))
    if problem is not None or route.renames:
        return problem
    asked: tuple[ModelRow, bool] | None = None
    for target, row in _rows(request, route, catalogue):
        if asked == (row, target.fan_out):
            continue  # most targets of a config have the same model
        asked = row, target.fan_out
        problem = refusal(row, request, fan_out=target.fan_out)
        if problem is not None:
            return problem
    return None


def _needs_prompt(request: ImageRequest, route: Route, catalogue: Catalogue) -> bool:
    if "prompt" in request.params or request.operation == "vary":
        return False
    if request.operation == "generate":
        return not any("prompt" in _given(target) for target in route.targets.values())
    return not any(row.promptless or "prompt" in _given(target) for target, row in _rows(request, route, catalogue))


def _given(target: TargetSpec) -> set[str]:
    return {*target.shaping.default_params, *target.shaping.override_params}


def _rows(request: ImageRequest, route: Route, catalogue: Catalogue) -> Iterator[tuple[TargetSpec, ModelRow]]:
    for target in route.targets.values():
        model = target.shaping.override_params.get("model", request.model)
        row = catalogue.find(target.provider, model, target.options)
        if row is not None:
            yield target, row
