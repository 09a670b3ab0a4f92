"""DeepInfra's OpenAI-compatible routes: JSON for new pictures, forms for edits and variations."""

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, outcome_of
from gateway.dialect.encode import OMITTED, Field, encode
from gateway.dialect.openai_body import form_of
from gateway.dialect.openai_like import no_model
from gateway.images import ImageRequest
from gateway.wire import Adapter, Flow, Send, Target, send

# `quality` and `style` would be taken as well, and then ignored: left out, so that it is reported.
_FIELDS = (
    *(Field("model"), Field("prompt"), Field("n"), Field("user")),
    Field("size", turn=lambda size: OMITTED if size == "auto" else size),
)
_PATHS = {"generate": "/images/generations", "edit": "/images/edits", "vary": "/images/variations"}


def _flow(request: ImageRequest, target: Target) -> Flow:
    failure = no_model(request, target, "black-forest-labs/FLUX-1-schnell")
    if failure is not None:
        return failure
    encoded = encode(_FIELDS, request.params)
    path = _PATHS[request.operation]
    if request.operation == "generate":
        ask = Send("POST", path, json=encoded.body)
    else:
        ask = Send("POST", path, form=form_of(request, encoded.body, images="image"))
    received = yield from send(ask)
    return adapted(outcome_of(received, target.provider), encoded.adaptations)


ADAPTERS = (
    Adapter(
        name="deepinfra",
        base_url=at("https://api.deepinfra.com/v1/openai"),
        authorize=key_in(),
        flow=_flow,
        n_max=4,
    ),
)
