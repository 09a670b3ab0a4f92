"""Hyperbolic: one call of its own format, one picture, base64 back."""

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.encode import Field, edges, encode
from gateway.dialect.errors import failure_from, failure_inside
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.images import Embedded, ImageRequest, Picture
from gateway.wire import Adapter, Flow, Outcome, Received, Send, Target, send

_SUCCESS = range(200, 300)
_FIELDS = (Field("prompt"), Field("negative_prompt"), Field("seed"), Field("size", ("width", "height"), edges))


def _flow(request: ImageRequest, target: Target) -> Flow:
    model = request.model
    if request.operation == "vary":
        return cannot(request, target)
    if not model:
        return unsupported(f"{target.provider} needs a model: name one, such as SDXL1.0-base", "model")
    refused = no_mask(request, target)
    if refused is not None:
        return refused
    if len(request.images) > 1:
        return unsupported(f"{model} works on one picture", "image")
    encoded = encode(_FIELDS, request.params)
    body = {"model_name": model, **encoded.body}
    if request.images:
        body["image"] = Embedded(upload=request.images[0])
    received = yield from send(Send("POST", "/image/generation", json=body))
    return adapted(_understood(received, target.provider), encoded.adaptations)


def _understood(received: Received, provider: str) -> Outcome:
    if received.status not in _SUCCESS:
        return failure_from(received, provider)
    match received.json():
        case {"images": list(items)} | {"data": list(items)}:
            return reply_of(map(_picture, items), provider)
        case {"object": "error"} as body:
            return failure_inside(received, body, provider)
        case _:
            return unreadable(received, provider)


def _picture(item: object) -> Picture | None:
    match item:
        case {"image": str(text)} | {"b64_json": str(text)} | {"url": str(text)} | str(text):
            return picture_of(text)
        case _:
            return None


ADAPTERS = (
    Adapter(
        name="hyperbolic",
        base_url=at("https://api.hyperbolic.xyz/v1"),
        authorize=key_in(),
        flow=_flow,
        n_max=1,
    ),
)
