"""fal: queue a request, ask at the addresses the answer names, fetch what the model made."""

from collections.abc import Mapping
from typing import Any

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted
from gateway.dialect.encode import encode
from gateway.dialect.fal_models import FAMILIES
from gateway.dialect.fal_queue import queued
from gateway.dialect.many_models import family, is_name, pictures, unnamed
from gateway.dialect.unable import cannot
from gateway.images import ImageRequest
from gateway.wire import Adapter, Flow, Send, Target
from strategies import Failure

_MOST = 4


def _flow(request: ImageRequest, target: Target) -> Flow:
    model = request.model or ""
    if not is_name(model):
        return unnamed(request, target, "fal-ai/flux/dev")
    if request.operation == "vary":
        return cannot(request, target)
    inputs = family(model, FAMILIES)
    given = pictures(request, target, inputs)
    if isinstance(given, Failure):
        return given
    encoded = encode(inputs.fields_for(request.params), request.params)
    submission = Send("POST", f"/{model}", json={**encoded.body, **given})
    outcome = yield from queued(submission, target.provider, request.params)
    return adapted(outcome, encoded.adaptations)


def _at_once(params: Mapping[str, Any]) -> int:
    fields = family(str(params.get("model") or ""), FAMILIES).fields
    return _MOST if any(field.name == "n" and field.to is not None for field in fields) else 1


ADAPTERS = (
    Adapter(
        name="fal",
        base_url=at("https://queue.fal.run"),
        authorize=key_in(prefix="Key "),
        flow=_flow,
        own_hosts=("queue.falrun.com",),
        n_max=_at_once,
    ),
)
