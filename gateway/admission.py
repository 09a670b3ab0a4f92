"""What is refused before anything is sent: nothing of it could be served, so nothing is spent on it."""

from collections.abc import Mapping
from typing import Any

from gateway.catalogue import find, malformed, refusal
from gateway.compile import Route
from gateway.errors import GatewayError


def objection(params: Mapping[str, Any], route: Route) -> GatewayError | None:
    """Return what no provider could do, or what the model that the caller named does not take; else `None`."""
    problem = malformed(params)
    if problem is not None or route.renames:
        return problem
    for target in route.targets.values():
        row = find(target.provider, params.get("model"), target.options)
        problem = None if row is None else refusal(row, params)
        if problem is not None:
            return problem
    return None
