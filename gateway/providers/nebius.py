"""Nebius Token Factory: open models behind one JSON call."""

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, outcome_of
from gateway.dialect.encode import Field, edges, encode, one_of
from gateway.dialect.openai_like import EITHER_FORM, no_model
from gateway.dialect.unable import cannot
from gateway.images import ImageRequest
from gateway.wire import Adapter, Flow, Send, Target, send

_FIELDS = (
    *(Field("model"), Field("prompt"), Field("seed"), Field("negative_prompt"), EITHER_FORM),
    Field("size", ("width", "height"), edges),
    Field("output_format", "response_extension", one_of({"png": "png", "jpeg": "jpg", "jpg": "jpg", "webp": "webp"})),
)


def _flow(request: ImageRequest, target: Target) -> Flow:
    if request.operation != "generate":
        return cannot(request, target)
    failure = no_model(request, target, "black-forest-labs/flux-schnell")
    if failure is not None:
        return failure
    encoded = encode(_FIELDS, request.params)
    received = yield from send(Send("POST", "/images/generations", json=encoded.body))
    return adapted(outcome_of(received, target.provider), encoded.adaptations)


ADAPTERS = (
    Adapter(
        name="nebius",
        base_url=at("https://api.tokenfactory.nebius.com/v1"),
        authorize=key_in(),
        flow=_flow,
        n_max=1,
    ),
)
