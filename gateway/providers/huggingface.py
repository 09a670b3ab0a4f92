"""Hugging Face: its own inference, which answers with bytes, and the partners behind its router."""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, reply_of, unreadable
from gateway.dialect.encode import Field, edges, encode, one_of
from gateway.dialect.errors import Said, failure_from, failure_inside, failure_saying
from gateway.dialect.many_models import is_name, unnamed
from gateway.dialect.routed import PARTNERS
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.images import Embedded, ImageRequest, Picture
from gateway.plain import either
from gateway.wire import Adapter, Flow, Outcome, Received, Send, Target, send
from strategies import Cause, Failure

_SUCCESS = range(200, 300)
_LOADING = 503
_UNLISTED = frozenset({401, 403, 404})
"""What the hub answers about models that are not public: it is asked without a credential."""
_DAY = 86_400.0
_OWN = "hf-inference"
_MODELS = "https://huggingface.co/api/models"
_BEGINNINGS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8")
_COMMON = (
    Field("negative_prompt", "parameters.negative_prompt"),
    Field("seed", "parameters.seed"),
    Field("size", ("parameters.width", "parameters.height"), edges),
    Field(
        "output_format",
        "accept",
        one_of({"png": "image/png", "jpeg": "image/jpeg", "jpg": "image/jpeg", "webp": "image/webp"}),
    ),
)
_PAINTING = (Field("prompt", "inputs"), *_COMMON)
_CHANGING = (Field("prompt", "parameters.prompt"), *_COMMON)


def _flow(request: ImageRequest, target: Target) -> Flow:
    """A model is its name on the hub, and `:partner` behind it says who is to run it.

    `partner:` before a name says that it is the partner's own, which the hub need not be asked for.
    """
    model, _, partner = (request.model or "").partition(":")
    if model in PARTNERS and is_name(partner.replace(":", "/")):
        refused = cannot(request, target) if request.operation == "vary" else None
        return refused or (yield from PARTNERS[model](partner, request, target))
    if not is_name(model):
        return unnamed(request, target, "black-forest-labs/FLUX.1-schnell")
    if partner in ("", _OWN):
        return (yield from _own_inference(model, request, target))
    if partner not in PARTNERS:
        return unsupported(f"{target.provider} has no partner {partner} for pictures: {either([*PARTNERS])}", "model")
    if request.operation == "vary":
        return cannot(request, target)
    name = yield from _name_at(partner, model, target)
    return name if isinstance(name, Failure) else (yield from PARTNERS[partner](name, request, target))


def _own_inference(model: str, request: ImageRequest, target: Target) -> Flow:
    refused = no_mask(request, target)
    if refused is not None or len(request.images) > 1:
        return refused or unsupported(f"{request.model} works on 1 picture at most", "image")
    if not request.images and request.operation != "generate":
        return cannot(request, target)
    path = f"/{_OWN}/models/{model}"
    encoded = encode(_CHANGING if request.images else _PAINTING, request.params, others="parameters")
    headers = {"Accept": str(encoded.body.pop("accept", "image/png"))}
    if not request.images:
        step = Send("POST", path, json=encoded.body, headers=headers)
    elif encoded.body:
        body = {"inputs": Embedded(upload=request.images[0]), **encoded.body}
        step = Send("POST", path, json=body, headers=headers)
    else:
        step = Send("POST", path, data=Embedded(upload=request.images[0], form="bytes"), headers=headers)
    received = yield from send(step)
    if received.status in _SUCCESS:
        return adapted(_painted(received, target.provider), encoded.adaptations)
    return _refused(received, target.provider)


def _painted(received: Received, provider: str) -> Outcome:
    kind = received.headers.get("content-type", "")
    if received.body.startswith(_BEGINNINGS) or (kind.startswith("image/") and received.body):
        return reply_of([Picture(data=received.body)], provider)
    match received.json():
        case {"error": error} as body if error:
            return failure_inside(received, body, provider)
    return unreadable(received, provider)


def _refused(received: Received, provider: str) -> Failure:
    match received.json():
        case {"error": [str(message), *_]}:
            failure = failure_saying(Said(message=message), received, provider)
        case _:
            failure = failure_from(received, provider)
    match received.json():
        case {"estimated_time": int() | float() as seconds} if received.status == _LOADING and seconds >= 0:
            # A model that is being loaded says when it will be there.
            return replace(
                failure, cause=Cause.RATE_LIMITED, retry_after=failure.retry_after or min(float(seconds), _DAY)
            )
    return failure


def _name_at(partner: str, model: str, target: Target) -> Generator[Send, Any, str | Failure]:
    """Ask the hub, which lists them publicly, what a partner calls a model."""
    listed = yield from send(Send("GET", f"{_MODELS}/{model}?expand=inferenceProviderMapping"))
    if listed.status in _UNLISTED:
        return unsupported(f"{target.provider} lists no public model {model}: partners are found by its name", "model")
    if listed.status not in _SUCCESS:
        return replace(failure_from(listed, target.provider), may_be_billed=False)
    match listed.json():
        case {"inferenceProviderMapping": dict(partners)}:
            entry = partners.get(partner)
        case _:
            return replace(unreadable(listed, target.provider), may_be_billed=False)
    match entry:
        case {"providerId": str(name)} if is_name(name.replace(":", "/")):
            return name
    return unsupported(f"{partner} does not run {model} for {target.provider}", "model")


ADAPTERS = (
    Adapter(
        name="huggingface",
        base_url=at("https://router.huggingface.co"),
        authorize=key_in(),
        flow=_flow,
        n_max=1,
    ),
)
