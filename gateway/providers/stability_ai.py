"""Stability AI: v1 engines in JSON, and the v2beta routes as forms, two of which are jobs to ask after."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.dialect.address import at, missing_key
from gateway.dialect.answers import adapted
from gateway.dialect.encode import OMITTED, Field, edges, encode, one_of
from gateway.dialect.errors import Codes, failure_from
from gateway.dialect.openai_body import text_of
from gateway.dialect.polling import poll
from gateway.dialect.stability_routes import SENDABLE, route_of
from gateway.dialect.stable_diffusion import (
    IMAGE_STRENGTH,
    JSON_PLEASE,
    STYLE,
    TAKEN_FOR_GRANTED,
    in_path,
    outcome_of_artifacts,
    prompted,
)
from gateway.dialect.unable import unsupported
from gateway.images import Embedded, ImageRequest
from gateway.wire import Adapter, Flow, FormField, Outcome, ProviderFields, Received, Send, Target, send
from strategies import Cause, Failure

_SUCCESS = range(200, 300)
_ACCEPTED = 202
_CODES = Codes(policy=frozenset({"content_moderation", "invalid_prompts"}))
_CLIENT_HEADERS = {
    "stability_client_id": "stability-client-id",
    "stability_client_user_id": "stability-client-user-id",
    "stability_client_version": "stability-client-version",
}
# Too many requests block the account for a minute, which no header says.
_BLOCKED_SECONDS = 60.0
_SECONDS_BETWEEN_QUESTIONS = 10.0


_V1_COMMON = (
    *(Field("prompt"), Field("negative_prompt"), Field("seed"), Field("n", "samples"), STYLE, *TAKEN_FOR_GRANTED),
    Field("output_format", turn=one_of({"png": OMITTED})),
)
_V1 = (*_V1_COMMON, Field("size", ("width", "height"), edges))
_V1_EDIT = (*_V1_COMMON, IMAGE_STRENGTH)


def _flow(request: ImageRequest, target: Target) -> Flow:
    name = in_path(request.model or "")
    if name is None:
        return unsupported(f"{target.provider} needs a model: name one, such as core or sd3.5-large", "model")
    if name.startswith("stable-diffusion-"):
        outcome = yield from _by_engine(request, target, name)
        return outcome
    route = route_of(request, target, name)
    if isinstance(route, Failure):
        return route
    encoded = encode(route.fields, request.params)
    body = {**route.always, **encoded.body}
    prompted(body, request)
    form = [FormField(key, text_of(value)) for key, value in body.items()]
    form += _files(request, route.pictures)
    address = f"/v2beta/stable-image/{route.path}"
    received = yield from send(Send("POST", address, headers=_headers(request), form=tuple(form)))
    if received.status not in _SUCCESS:
        return _failed(received, target.provider)
    outcome = yield from _awaited(received, target.provider) if route.waits else _at_once(received, target.provider)
    return adapted(outcome, encoded.adaptations)


def _files(request: ImageRequest, names: tuple[str, ...], mask: str = "mask") -> list[FormField]:
    files = [
        FormField(name, Embedded(upload=upload, form="bytes"))
        for name, upload in zip(names, request.images, strict=False)
    ]
    if request.mask is not None:
        files.append(FormField(mask, Embedded(upload=request.mask, form="bytes", mask="white")))
    return files


def _headers(request: ImageRequest) -> Mapping[str, str]:
    user = request.params.get("user")
    if not isinstance(user, str) or not SENDABLE.fullmatch(user):
        return JSON_PLEASE
    return {**JSON_PLEASE, _CLIENT_HEADERS["stability_client_user_id"]: user}


def _at_once(received: Received, provider: str) -> Flow:
    yield from ()
    return outcome_of_artifacts(received, provider, _CODES)


def _awaited(received: Received, provider: str) -> Flow:
    match received.json():
        case {"errors": _}:
            return outcome_of_artifacts(received, provider, _CODES)
        case {"id": str(job)} if (name := in_path(job)) is not None and "/" not in name:
            pass
        case _:
            return outcome_of_artifacts(received, provider, _CODES)
    return (
        yield from poll(
            Send("GET", f"/v2beta/results/{name}", headers=JSON_PLEASE),
            lambda answer: _understood(answer, provider),
            provider=provider,
            seconds=_SECONDS_BETWEEN_QUESTIONS,
            slowest=_SECONDS_BETWEEN_QUESTIONS,
            codes=_CODES,
        )
    )


def _understood(received: Received, provider: str) -> Outcome | None:
    if received.status == _ACCEPTED:
        return None
    match received.json():
        case {"status": str()} as job if not job.keys() & {"image", "result", "finish_reason"}:
            return None
        case _:
            return outcome_of_artifacts(received, provider, _CODES)


def _by_engine(request: ImageRequest, target: Target, engine: str) -> Flow:
    """Talk to v1, which takes what is not wanted as a prompt of negative weight."""
    if len(request.images) > 1:
        return unsupported(f"{engine} of {target.provider} works on one picture", "image")
    encoded = encode(_V1_EDIT if request.images else _V1, request.params)
    body = encoded.body
    prompted(body, request)
    prompts = [{"text": body.pop("prompt", "")}]
    if "negative_prompt" in body:
        prompts.append({"text": body.pop("negative_prompt"), "weight": -1})
    if isinstance(body.get("text_prompts"), list):
        prompts += [prompt for prompt in body.pop("text_prompts") if isinstance(prompt, dict)]
    path = f"/v1/generation/{engine}"
    if request.images:
        path += "/image-to-image" if request.mask is None else "/image-to-image/masking"
        step = Send("POST", path, headers=JSON_PLEASE, form=_form_of_engine(request, prompts, body))
    else:
        step = Send("POST", f"{path}/text-to-image", headers=JSON_PLEASE, json={"text_prompts": prompts, **body})
    received = yield from send(step)
    if received.status not in _SUCCESS:
        return _failed(received, target.provider)
    return adapted(outcome_of_artifacts(received, target.provider, _CODES), encoded.adaptations)


def _form_of_engine(
    request: ImageRequest, prompts: list[dict[str, Any]], body: Mapping[str, Any]
) -> tuple[FormField, ...]:
    form = [
        FormField(f"text_prompts[{number}][{key}]", text_of(value))
        for number, prompt in enumerate(prompts)
        for key, value in prompt.items()
    ]
    form += [FormField(key, text_of(value)) for key, value in body.items()]
    if request.mask is not None:
        form.append(FormField("mask_source", "MASK_IMAGE_WHITE"))
    return (*form, *_files(request, ("init_image",), "mask_image"))


def _failed(received: Received, provider: str) -> Failure:
    failure = failure_from(received, provider, _CODES)
    if failure.cause is not Cause.RATE_LIMITED or failure.retry_after is not None:
        return failure
    return replace(failure, retry_after=_BLOCKED_SECONDS)


def _authorize(target: Target) -> Mapping[str, str]:
    key = target.credentials.get("api_key")
    if key is None:
        raise missing_key(target)
    named = {header: str(target.options[name]) for name, header in _CLIENT_HEADERS.items() if name in target.options}
    return {"Authorization": f"Bearer {key.reveal()}", **named}


ADAPTERS = (
    Adapter(
        name="stability-ai",
        base_url=at("https://api.stability.ai"),
        authorize=_authorize,
        flow=_flow,
        fields=ProviderFields(options=tuple(_CLIENT_HEADERS)),
        n_max=1,
    ),
)
