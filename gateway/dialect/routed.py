"""Partners behind Hugging Face's router: each in its own words, under its name as the first part of the path."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from gateway.dialect import fal_models, predictions
from gateway.dialect.answers import adapted, outcome_of, picture_of, reply_of, unreadable
from gateway.dialect.encode import Encoded, Field, edges, encode, joined_by
from gateway.dialect.errors import Codes, failure_from, failure_of_job, said_in
from gateway.dialect.fal_queue import Places, queued
from gateway.dialect.many_models import family, is_name, pictures
from gateway.dialect.polling import poll
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.dialect.zhipu import ZHIPU_CODES
from gateway.images import Embedded, ImageRequest
from gateway.wire import Flow, Outcome, Received, Send, Target, send
from strategies import Failure

_SUCCESS = range(200, 300)
_WORDS = (Field("prompt"), Field("seed"), Field("negative_prompt"))
_BY_EDGES = (*_WORDS, Field("size", ("width", "height"), edges))
_BY_SIZE = (Field("prompt"), Field("size", turn=joined_by("x")))
_BY_STAR = (Field("prompt"), Field("seed"), Field("size", turn=joined_by("*")))
_WAVESPEED_CODES = Codes(policy=frozenset({"1200"}), invalid=frozenset(map(str, range(1400, 1500))))
_QUEUE = "?_subdomain=queue"

Partner = Callable[[str, ImageRequest, Target], Flow]


def _fal(model: str, request: ImageRequest, target: Target) -> Flow:
    inputs = family(model, fal_models.FAMILIES)
    given = pictures(request, target, inputs)
    if isinstance(given, Failure):
        return given
    encoded = encode(inputs.fields_for(request.params), request.params)
    submission = Send("POST", f"/fal-ai/{model}{_QUEUE}", json={**encoded.body, **given})
    outcome = yield from queued(submission, target.provider, request.params, _places_behind_router)
    return adapted(outcome, encoded.adaptations)


def _places_behind_router(answer: Any) -> Places | None:  # noqa: ANN401 - the JSON boundary
    match answer:
        case {"response_url": str(address)}:
            path = _path(address)
            return None if path is None else (f"/fal-ai{path}/status{_QUEUE}", f"/fal-ai{path}{_QUEUE}")
    return None


def _replicate(model: str, request: ImageRequest, target: Target) -> Flow:
    created_at = predictions.creation(model)
    if created_at is None:
        return unsupported(f"{target.provider} has no path to {request.model}", "model")
    path, beside = created_at
    inputs = family(model, predictions.FAMILIES)
    given = pictures(request, target, inputs)
    if isinstance(given, Failure):
        return given
    encoded = encode(inputs.fields_for(request.params), request.params)
    body = {**beside, "input": {**encoded.body, **given}}
    created = yield from send(Send("POST", f"/replicate/v1{path}", json=body, headers={"Prefer": "wait"}))
    if created.status not in _SUCCESS:
        return failure_from(created, target.provider)
    outcome = predictions.understood(created, target.provider)
    if outcome is None:
        name = _id(created)
        if name is None:
            return unreadable(created, target.provider)
        outcome = yield from poll(
            Send("GET", f"/replicate/v1/predictions/{name}"),
            lambda received: predictions.understood(received, target.provider),
            provider=target.provider,
            seconds=1.0,
        )
    return adapted(outcome, encoded.adaptations)


def _together(model: str, request: ImageRequest, target: Target) -> Flow:
    path, form = "/together/v1/images/generations", "base64"
    return (yield from _at_once(path, model, form, encode(_BY_EDGES, request.params), request, target))


def _nscale(model: str, request: ImageRequest, target: Target) -> Flow:
    path, form = "/nscale/v1/images/generations", "b64_json"
    return (yield from _at_once(path, model, form, encode(_BY_SIZE, request.params), request, target))


def _at_once(
    path: str, model: str, response_format: str, encoded: Encoded, request: ImageRequest, target: Target
) -> Flow:
    if request.operation != "generate":
        return cannot(request, target)
    body = {"model": model, **encoded.body, "response_format": response_format}
    received = yield from send(Send("POST", path, json=body))
    return adapted(outcome_of(received, target.provider), encoded.adaptations)


def _wavespeed(model: str, request: ImageRequest, target: Target) -> Flow:
    refused = no_mask(request, target)
    if refused is not None or len(request.images) > 1:
        return refused or unsupported(f"{request.model} works on 1 picture at most", "image")
    encoded = encode(_BY_STAR, request.params)
    image = {"image": Embedded(upload=request.images[0], form="data_url")} if request.images else {}
    taken_on = yield from send(Send("POST", f"/wavespeed/api/v3/{model}", json={**encoded.body, **image}))
    if taken_on.status not in _SUCCESS:
        return failure_from(taken_on, target.provider, _WAVESPEED_CODES)
    path = None
    match taken_on.json():
        case {"data": {"urls": {"get": str(address)}}}:
            path = _path(address)
    if path is None:
        return unreadable(taken_on, target.provider, _WAVESPEED_CODES)
    outcome = yield from poll(
        Send("GET", f"/wavespeed{path}"),
        lambda received: _wavespeed_state(received, target.provider),
        provider=target.provider,
        seconds=0.5,
        slowest=1.0,
        codes=_WAVESPEED_CODES,
    )
    return adapted(outcome, encoded.adaptations)


def _wavespeed_state(received: Received, provider: str) -> Outcome | None:
    match received.json():
        case {"data": {"status": "completed", "outputs": list(outputs)}}:
            return reply_of(map(picture_of, outputs), provider)
        case {"data": {"status": "completed"}}:
            return reply_of((), provider)
        case {"data": {"status": "failed" | "cancelled" | "timeout" | "deleted" as status} as job}:
            said = said_in(job)
            told = said.message or f"{provider} gave the task up ({status})"
            return failure_of_job(provider, replace(said, message=told), _WAVESPEED_CODES)
        case {"data": {"status": str()}}:
            return None
        case _:
            return unreadable(received, provider, _WAVESPEED_CODES)


def _zai(model: str, request: ImageRequest, target: Target) -> Flow:
    if request.operation != "generate":
        return cannot(request, target)
    encoded = encode(_BY_SIZE, request.params)
    path, body = "/zai-org/api/paas/v4/async", {"model": model, **encoded.body}
    taken_on = yield from send(Send("POST", f"{path}/images/generations", json=body))
    if taken_on.status not in _SUCCESS:
        return failure_from(taken_on, target.provider, ZHIPU_CODES)
    name = _id(taken_on)
    if name is None:
        return unreadable(taken_on, target.provider, ZHIPU_CODES)
    outcome = yield from poll(
        Send("GET", f"{path}-result/{name}"),
        lambda received: _zai_state(received, target.provider),
        provider=target.provider,
        seconds=5.0,
        codes=ZHIPU_CODES,
    )
    return adapted(outcome, encoded.adaptations)


def _zai_state(received: Received, provider: str) -> Outcome | None:
    match received.json():
        case {"task_status": "SUCCESS", "image_result": list(items)}:
            return reply_of((picture_of(item.get("url")) for item in items if isinstance(item, dict)), provider)
        case {"task_status": "SUCCESS"}:
            return reply_of((), provider)
        case {"task_status": "FAIL"} as body:
            said = said_in(body)
            told = said.message or f"{provider} gave the task up (FAIL)"
            return failure_of_job(provider, replace(said, message=told), ZHIPU_CODES)
        case {"task_status": str()}:
            return None
        case _:
            return unreadable(received, provider, ZHIPU_CODES)


def _id(received: Received) -> str | None:
    match received.json():
        case {"id": str(name)} if is_name(name):
            return name
    return None


def _path(address: str) -> str | None:
    """Return the path of an address at the partner: the router has it under the partner's name."""
    try:
        path = urlsplit(address).path
    except ValueError:
        return None
    return path if is_name(path.removeprefix("/")) else None


PARTNERS: Mapping[str, Partner] = {
    "fal-ai": _fal,
    "nscale": _nscale,
    "replicate": _replicate,
    "together": _together,
    "wavespeed": _wavespeed,
    "zai-org": _zai,
}
