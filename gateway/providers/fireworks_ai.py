"""Fireworks AI: Stable Diffusion's descendants, FLUX workflows, and FLUX Kontext as a job to ask after."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.encode import DROPPED, OMITTED, Adapted, Encoded, Field, edges, encode, one_of, ratio
from gateway.dialect.errors import Codes, Said, failure_from, failure_of_job, failure_saying
from gateway.dialect.openai_body import text_of
from gateway.dialect.polling import poll
from gateway.dialect.stable_diffusion import (
    IMAGE_STRENGTH,
    JSON_PLEASE,
    STYLE,
    TAKEN_FOR_GRANTED,
    in_path,
    outcome_of_artifacts,
    prompted,
)
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.dialect.words import identifier
from gateway.images import Embedded, ImageRequest
from gateway.wire import Adapter, Flow, FormField, Outcome, Received, Send, Target, send
from strategies import Cause, Failure

_SUCCESS = range(200, 300)
# The first is how a suspended account shows.
_CODES = Codes(exhausted=frozenset({"PRECONDITION_FAILED"}))
_ACCOUNT = "accounts/fireworks/models/"
_RATIOS = ("1:1", "21:9", "16:9", "3:2", "5:4", "4:5", "2:3", "9:16", "9:21", "4:3", "3:4")

_ASIDE = (*TAKEN_FOR_GRANTED, Field("prompt"), Field("seed"))
_SAFETY_CHECK = Field("moderation", "safety_check", one_of({"auto": True, "low": False}))
_SIZE = Field("size", "aspect_ratio", ratio(_RATIOS))
# Which of these formats comes is said in the headers.
_RAW_FORMATS = ("png", "jpeg")
_ONE_PICTURE = Field("output_format", turn=one_of(dict.fromkeys(_RAW_FORMATS, OMITTED)))
_SEVERAL_PICTURES = Field("output_format", turn=one_of({"png": OMITTED}))
_DIFFUSION = (*_ASIDE, _SAFETY_CHECK, STYLE, Field("negative_prompt"), Field("n", "samples"))
_KONTEXT = (*_ASIDE, _SIZE, Field("output_format", turn=one_of(_RAW_FORMATS, {"webp": "png", "jpg": "jpeg"})))

_MODERATED = frozenset({"Request Moderated", "Content Moderated"})
_FAILED = frozenset({"Error", "Failed"})
_UNKNOWN_TASK = "Task not found"
_PATIENCE = 3
"""How often a task may be unknown: for a moment after its submission it is."""


def _flow(request: ImageRequest, target: Target) -> Flow:
    model = request.model or ""
    path = in_path(model if model.startswith("accounts/") else _ACCOUNT + model)
    if path is None:
        return unsupported(f"{target.provider} needs a model: name one, such as {_ACCOUNT}flux-1-schnell-fp8", "model")
    refused = no_mask(request, target)
    if refused is not None:
        return refused
    if len(request.images) > 1:
        return unsupported(f"{model} of {target.provider} works on one picture", "image")
    name = path.rpartition("/")[2]
    if name.startswith("flux-kontext"):
        outcome = yield from _kontext(request, target, path)
    elif name.startswith("flux-"):
        outcome = yield from _flux(request, target, path)
    else:
        outcome = yield from _diffusion(request, target, path)
    return outcome


def _diffusion(request: ImageRequest, target: Target, path: str) -> Flow:
    """Paint with one of Stable Diffusion's kind; a given picture goes along in a form, and has its own size."""
    n = request.params.get("n")
    several = isinstance(n, int) and n > 1
    container = _SEVERAL_PICTURES if several else _ONE_PICTURE
    own = (IMAGE_STRENGTH,) if request.images else (Field("size", ("width", "height"), edges),)
    encoded = encode((*_DIFFUSION, container, *own), request.params)
    prompted(encoded.body, request)
    headers = JSON_PLEASE if several else _accept(request)
    address = f"/image_generation/{path}"
    if not request.images:
        return (yield from _painted(Send("POST", address, json=encoded.body, headers=headers), target, encoded))
    form = [FormField(key, text_of(value)) for key, value in encoded.body.items()]
    form += [FormField("init_image", Embedded(upload=upload, form="bytes")) for upload in request.images]
    step = Send("POST", f"{address}/image_to_image", form=tuple(form), headers=headers)
    return (yield from _painted(step, target, encoded))


def _flux(request: ImageRequest, target: Target, path: str) -> Flow:
    if request.operation != "generate":
        return cannot(request, target)
    jpeg = request.params.get("output_format") == "jpeg"
    quality = Field("output_compression", turn=lambda value: OMITTED if jpeg and type(value) is int else DROPPED)
    encoded = encode((*_ASIDE, _SAFETY_CHECK, _SIZE, _ONE_PICTURE, quality), request.params)
    headers = dict(_accept(request))
    if jpeg and type(request.params.get("output_compression")) is int:
        headers["jpeg-quality"] = str(request.params["output_compression"])
    step = Send("POST", f"/workflows/{path}/text_to_image", json=encoded.body, headers=headers)
    return (yield from _painted(step, target, encoded))


def _accept(request: ImageRequest) -> Mapping[str, str]:
    """Ask for the picture itself where its format matters: which one the JSON holds is not for us to choose."""
    container = request.params.get("output_format")
    return {"accept": f"image/{container}"} if container in _RAW_FORMATS else JSON_PLEASE


def _painted(step: Send, target: Target, encoded: Encoded) -> Flow:
    received = yield from send(step)
    if received.status not in _SUCCESS:
        return _failed(received, target.provider)
    return adapted(outcome_of_artifacts(received, target.provider, _CODES), encoded.adaptations)


def _kontext(request: ImageRequest, target: Target, path: str) -> Flow:
    if request.operation == "vary":
        return cannot(request, target)
    # With a picture to work on, nothing more tolerant than the default is allowed.
    low: Any = Adapted(2) if request.images else 6
    tolerance = Field("moderation", "safety_tolerance", one_of({"auto": OMITTED, "low": low}))
    encoded = encode((*_KONTEXT, tolerance), request.params)
    picture = {"input_image": Embedded(upload=request.images[0])} if request.images else {}
    address = f"/workflows/{path}"
    submitted = yield from send(Send("POST", address, json={**encoded.body, **picture}, headers=JSON_PLEASE))
    if submitted.status not in _SUCCESS:
        return _failed(submitted, target.provider)
    match submitted.json():
        case {"request_id": str(task)}:
            pass
        case _:
            return unreadable(submitted, target.provider, _CODES)
    patience = iter(range(_PATIENCE))
    outcome = yield from poll(
        Send("POST", f"{address}/get_result", json={"id": task}, headers=JSON_PLEASE, free=True),
        lambda received: _understood(received, target.provider, patience),
        provider=target.provider,
        seconds=1.0,
        slowest=2.0,
        codes=_CODES,
    )
    return adapted(outcome, encoded.adaptations)


def _understood(received: Received, provider: str, patience: Iterator[int]) -> Outcome | None:
    match received.json():
        case {"status": "Ready", "result": {"sample": str(sample)}}:
            return reply_of([picture_of(sample)], provider)
        case {"status": "Ready"}:
            return reply_of((), provider)
        case {"status": str(status)} if status in _MODERATED:
            return Failure(
                cause=Cause.POLICY,
                message=f"{provider} refused this by its content policy ({status})",
                provider_code=status.lower().replace(" ", "_"),
            )
        case {"status": str(status)} if status == _UNKNOWN_TASK and next(patience, None) is not None:
            return None
        case {"status": str(status)} if status in _FAILED or status == _UNKNOWN_TASK:
            return failure_of_job(provider, Said(message=f"{provider} gave the task up ({status})"))
        case {"status": str()}:
            return None
        case _:
            return unreadable(received, provider, _CODES)


def _failed(received: Received, provider: str) -> Failure:
    """Return the failure that an answer means; the gateway before the models has a shape of its own."""
    match received.json():
        case {"fault": {"faultstring": str(message), **fault}}:
            detail = fault.get("detail")
            code = identifier(detail.get("errorcode")) if isinstance(detail, dict) else None
            return failure_saying(Said(message=message, code=code), received, provider, _CODES)
        case _:
            return failure_from(received, provider, _CODES)


ADAPTERS = (
    Adapter(
        name="fireworks-ai",
        base_url=at("https://api.fireworks.ai/inference/v1"),
        authorize=key_in(),
        flow=_flow,
        n_max=1,
    ),
)
