"""The request as one target will send it: shaped, checked, fitted to its model; pure, so that `explain` can show it."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.catalogue import Catalogue, ModelRow, fit, inexpressible, refusal
from gateway.config.shaping import shape
from gateway.config.spec import TargetSpec
from gateway.dialect.encode import Unbending
from gateway.errors import GatewayError
from gateway.images import LEFT_OUT, Adaptation, ImageRequest
from strategies import Cause, Failure, value


@value()
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
    request: ImageRequest,
    spec: TargetSpec,
    catalogue: Catalogue,
    *,
    n_max: int | Callable[[Mapping[str, Any]], int] | None,
    checks: bool,
    events: bool = True,
) -> Prepared | Failure:
    """Shape the parameters, and fit them to the model they go to.

    `n_max` holds where the catalogue does not know the model; `checks` says that the limits of the caller's own model
    are still to be checked; `events`, whether a provider's own could be passed on.
    """
    params = shape(request.params, spec.shaping)
    row = catalogue.find(spec.provider, params.get("model"), spec.options)
    shaped = request.with_params(params)
    adaptations: tuple[Adaptation, ...] = ()
    if row is None:
        named = request.model is not None and request.model == params.get("model")
        adaptations = _without_orders(params, spec)
        n_max = n_max(params) if callable(n_max) else n_max
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
        n_max = row.n_max
    asked = params.get("n")
    wanted = asked if type(asked) is int else 1
    count = 1
    if n_max is not None and wanted > n_max:
        if named and not spec.fan_out and request.part is None:
            return _too_many(str(params.get("model") or spec.provider), n_max, wanted)
        count, params["n"] = -(-wanted // n_max), n_max
    if request.part is not None:
        wanted, count = request.part.count, 1  # what one share takes, and may cost
    adaptations += _settle(params, request, events=events)
    if adaptations and spec.adapt == "strict":
        model = str(params.get("model") or spec.provider) if row is None else row.id
        return too_strict(model, "; ".join(map(str, adaptations)))
    if spec.adapt == "strict":
        params = Unbending(params)
    kept = () if spec.adapt == "lenient" else adaptations
    return Prepared(request.with_params(params), row, kept, wanted, count)


def _settle(params: dict[str, Any], request: ImageRequest, *, events: bool) -> tuple[Adaptation, ...]:
    """Ask for one share of the pictures only, where they are shared out, and for events only where they can be used."""
    part = request.part
    if part is not None:
        params["n"] = part.count
        seed = params.get("seed")
        if type(seed) is int and part.first:
            params["seed"] = seed + part.first
    streams = request.params.get("stream") is True  # whether events can be passed on is for the caller to say
    if streams and events and part is None:
        return ()
    params.pop("stream", None)
    previews = params.pop("partial_images", None) if streams else None
    return (Adaptation("partial_images", str(previews), LEFT_OUT),) if previews else ()


def _too_many(model: str, n_max: int, wanted: int) -> Failure:
    return Failure(
        cause=Cause.UNSUPPORTED,
        message=f"{model} makes {n_max} at once, not {wanted}: ask for fewer, or set `fan_out: true` on the target",
        reached=False,
        param="n",
    )


def _without_orders(params: dict[str, Any], spec: TargetSpec) -> tuple[Adaptation, ...]:
    """Leave out what is meant for the sandbox alone, for a model that the catalogue does not know."""
    orders = params.pop("sandbox", None) if spec.provider != "sandbox" else None
    return () if orders is None else (Adaptation("sandbox", "orders", LEFT_OUT),)


def too_strict(model: str, changes: str) -> Failure:
    """Return the failure of a request that would have to be changed for a target that allows no changes."""
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
