"""The request as one target will send it: shaped, checked, fitted to its model; pure, so that `explain` can show it."""

from dataclasses import dataclass, replace
from typing import Any

from gateway.catalogue import Catalogue, ModelRow, fit, inexpressible, refusal
from gateway.config.shaping import shape
from gateway.config.spec import TargetSpec
from gateway.errors import GatewayError
from gateway.images import Adaptation, ImageRequest
from strategies import Cause, Failure


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as it will be sent to one target, and what had to be changed for that."""

    request: ImageRequest
    row: ModelRow | None
    adaptations: tuple[Adaptation, ...] = ()
    asked: int = 1
    """How many pictures are wanted."""
    calls: int = 1
    """How many calls of the provider they take."""


def prepare(
    request: ImageRequest, spec: TargetSpec, catalogue: Catalogue, *, n_max: int | None, checks: bool
) -> Prepared | Failure:
    """Shape the parameters, and fit them to the model they go to.

    `n_max` holds where the catalogue does not know the model; `checks` says that the limits of the caller's own model
    are still to be checked.
    """
    params = shape(request.params, spec.shaping)
    row = catalogue.find(spec.provider, params.get("model"), spec.options)
    shaped = replace(request, params=params)
    adaptations: tuple[Adaptation, ...] = ()
    named = True
    if row is None:
        _leave_out_orders(params, spec)
    else:
        named = request.model == row.id or request.model in row.aliases
        if named and checks:
            refused = refusal(row, shaped, fan_out=spec.fan_out)
            if refused is not None:
                return _unsupported(refused)
        problem = inexpressible(row, shaped)
        if problem is not None:
            return problem
        params, adaptations = fit(row, params, named=named)
        if adaptations and spec.adapt == "strict":
            return _too_strict(row.id, adaptations)
        n_max = row.n_max
    asked, count = params.get("n"), 1
    wanted = asked if type(asked) is int else 1
    if type(asked) is int and n_max is not None and asked > n_max:
        if named and not spec.fan_out and request.part is None:
            return Failure(
                cause=Cause.UNSUPPORTED,
                message=f"{params.get('model') or spec.provider} makes {n_max} at once, not {asked}: ask for fewer,"
                " or set `fan_out: true` on the target",
                reached=False,
                param="n",
            )
        count = -(-asked // n_max)
        params["n"] = n_max
    if request.part is not None:
        _take_part(params, request)
    kept = () if spec.adapt == "lenient" else adaptations
    return Prepared(replace(request, params=params), row, kept, wanted, count)


def _take_part(params: dict[str, Any], request: ImageRequest) -> None:
    """Ask for some of the pictures only, with seeds of their own."""
    part = request.part
    assert part is not None  # the caller looked  # noqa: S101
    params["n"] = part.count
    seed = params.get("seed")
    if type(seed) is int and part.first:
        params["seed"] = seed + part.first


def _leave_out_orders(params: dict[str, Any], spec: TargetSpec) -> None:
    """Leave out what is meant for the sandbox alone, for a model that the catalogue does not know."""
    if spec.provider != "sandbox":
        params.pop("sandbox", None)


def _too_strict(model: str, adaptations: tuple[Adaptation, ...]) -> Failure:
    changes = "; ".join(map(str, adaptations))
    return Failure(
        cause=Cause.UNSUPPORTED,
        message=f"{model} cannot take the request as it is ({changes}) and the target says `adapt: strict`",
        reached=False,
    )


def _unsupported(refused: GatewayError) -> Failure:
    return Failure(
        cause=Cause.UNSUPPORTED,
        status=refused.status,
        code=refused.code,
        param=refused.param,
        message=refused.message,
        reached=False,
    )
