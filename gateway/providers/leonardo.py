"""Leonardo: hand in what is to be worked on, submit a generation to the route its model has, and ask after it."""

import math
import re
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.encode import Encoded, Field, edges, encode, one_of
from gateway.dialect.errors import Said, failure_from, failure_inside, failure_of_job
from gateway.dialect.many_models import is_link, is_name
from gateway.dialect.openai_body import text_of
from gateway.dialect.polling import poll
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.images import Embedded, ImageRequest, Upload
from gateway.wire import Adapter, Flow, FormField, Outcome, Received, Send, Target, send
from strategies import Cause, Failure

_SUCCESS = range(200, 300)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMES = {
    "phoenix-1.0": "de7d3faf-762f-48e0-b3b7-9d0ac3a3fcf3",
    "phoenix-0.9": "6b645e3a-d64f-4341-a6d8-7a3690fbf042",
    "lucid-origin": "7b592283-e8a7-4c5a-9ba6-d18c31f258b9",
    "lucid-realism": "05ce0082-2d80-4a2d-8653-4d1c85e2418e",
    "flux-dev": "b2614463-296c-462a-9586-aafdb8f00e36",
    "flux-schnell": "1dd50843-d653-4516-a8e3-f0238ee453ff",
    "flux-kontext-pro": "28aeddf8-bd19-4803-80fc-79602d1a9989",
    "kino-xl": "aa77f04e-3eec-4034-9c07-d0f619684628",
}
_KONTEXT = _NAMES["flux-kontext-pro"]
# They know no Alchemy, which is on unless one says otherwise.
_WITHOUT_ALCHEMY = frozenset({_NAMES["lucid-origin"], _NAMES["lucid-realism"]})
_TRANSPARENCY = Field("background", "transparency", one_of({"transparent": "foreground_only", "opaque": "disabled"}))
_ALCHEMY = Field(
    "quality", "alchemy", one_of({"low": False, "standard": False, "medium": False, "high": True, "hd": True})
)
_COMMON = (Field("prompt"), Field("seed"), Field("negative_prompt"), Field("size", ("width", "height"), edges))
_OWN_MODELS = (*_COMMON, Field("n", "num_images"), _TRANSPARENCY)
_PARTNER_MODELS = (
    Field("prompt", "parameters.prompt"),
    Field("seed", "parameters.seed"),
    Field("size", ("parameters.width", "parameters.height"), edges),
    Field("n", "parameters.quantity"),
    Field(
        "quality",
        "parameters.quality",
        one_of({"low": "LOW", "medium": "MEDIUM", "standard": "MEDIUM", "high": "HIGH", "hd": "HIGH"}),
    ),
)
_MOST_CONTEXT_IMAGES = 4
_MOST_REFERENCES = 6


def _flow(request: ImageRequest, target: Target) -> Flow:
    if request.operation == "vary":
        return cannot(request, target)
    refused = no_mask(request, target) or _too_many(request)
    if refused is not None:
        return refused
    model = _NAMES.get(request.model or "", request.model or "")
    own = not model or _UUID.fullmatch(model) is not None
    encoded = _own_words(model, request) if own else encode(_PARTNER_MODELS, request.params, others="parameters")
    ids: list[str] = []
    for upload in request.images:
        name = yield from _handed_in(upload, target)
        if isinstance(name, Failure):
            return name
        ids.append(name)
    body = _own_generation(model, ids, encoded.body) if own else _partner_generation(model, ids, encoded.body)
    path = "/generations" if own else "/../v2/generations"
    submitted = yield from send(Send("POST", path, json=body))
    if submitted.status not in _SUCCESS:
        return failure_from(submitted, target.provider)
    match submitted.json():
        case {"sdGenerationJob": {"generationId": str(name)} as job} | {
            "generate": {"generationId": str(name)} as job
        } if is_name(name):
            cost_usd = _dollars(job)
        case {"error": _} as body:
            return failure_inside(submitted, body, target.provider)
        case _:
            return unreadable(submitted, target.provider)
    outcome = yield from poll(
        Send("GET", f"/generations/{name}"),
        lambda received: _understood(received, target.provider, cost_usd),
        provider=target.provider,
        seconds=2.0,
        slowest=3.0,
    )
    return adapted(outcome, encoded.adaptations)


def _own_words(model: str, request: ImageRequest) -> Encoded:
    return encode(_OWN_MODELS if model in _WITHOUT_ALCHEMY else (*_OWN_MODELS, _ALCHEMY), request.params)


def _own_generation(model: str, ids: list[str], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body for Leonardo's own models; four public pictures is what it makes of silence."""
    body: dict[str, Any] = {"num_images": 1, "public": False}
    if model:
        body["modelId"] = model
    if model in _WITHOUT_ALCHEMY:
        body["alchemy"] = False
    if ids and model == _KONTEXT:
        body["contextImages"] = [{"type": "UPLOADED", "id": name} for name in ids]
    elif ids:
        body["init_image_id"] = ids[0]
    return {**body, **said}


def _partner_generation(model: str, ids: list[str], said: Mapping[str, Any]) -> dict[str, Any]:
    parameters: dict[str, Any] = {"quantity": 1, **said.get("parameters", {})}
    if ids:
        references = [{"image": {"id": name, "type": "UPLOADED"}, "strength": "MID"} for name in ids]
        parameters["guidances"] = {"image_reference": references}
    return {"model": model, "public": False, "parameters": parameters}


def _too_many(request: ImageRequest) -> Failure | None:
    model = _NAMES.get(request.model or "", request.model or "")
    most = _MOST_CONTEXT_IMAGES if model == _KONTEXT else 1 if _UUID.fullmatch(model) else _MOST_REFERENCES
    if len(request.images) <= most:
        return None
    return unsupported(f"{request.model} works on {most} picture{'s' * (most > 1)} at most", "image")


def _handed_in(upload: Upload, target: Target) -> Generator[Send, Any, str | Failure]:
    """Upload a picture to the place that Leonardo signs for it, and return the picture's id."""
    extension = "jpg" if upload.format == "jpeg" else upload.format
    place = yield from send(Send("POST", "/init-image", json={"extension": extension}, free=True))
    if place.status not in _SUCCESS:
        return replace(failure_from(place, target.provider), may_be_billed=False)
    fields = None
    match place.json():
        case {"uploadInitImage": {"id": str(name), "url": str(address), "fields": signed}} if is_link(address):
            fields = _signed_fields(signed)
    if fields is None:
        return replace(unreadable(place, target.provider), may_be_billed=False)
    parts = [FormField(key, text_of(value)) for key, value in fields.items()]
    # The store reads nothing that comes after the file.
    parts.append(FormField("file", Embedded(upload=upload, form="bytes")))
    stored = yield from send(Send("POST", address, form=tuple(parts), free=True))
    if stored.status in _SUCCESS:
        return name
    # The store judges the form that Leonardo signed, not the caller's request, nor a key.
    return Failure(
        cause=Cause.PROVIDER_ERROR,
        message=f"the store that {target.provider} named for the picture answered {stored.status}",
        may_be_billed=False,
    )


def _signed_fields(signed: Any) -> Mapping[str, Any] | None:  # noqa: ANN401 - the JSON boundary
    """Return the form fields, which come as JSON within JSON."""
    if isinstance(signed, str):
        try:
            signed = orjson.loads(signed)
        except orjson.JSONDecodeError:
            return None
    return signed if isinstance(signed, dict) else None


def _understood(received: Received, provider: str, cost_usd: float | None) -> Outcome | None:
    match received.json():
        case {"generations_by_pk": {"status": "COMPLETE", "generated_images": list(items)}}:
            pictures = [item for item in items if isinstance(item, dict)]
            kept = [picture_of(item.get("url")) for item in pictures if item.get("nsfw") is not True]
            return reply_of(kept, provider, withheld=len(kept) < len(pictures), cost_usd=cost_usd)
        case {"generations_by_pk": {"status": "COMPLETE"}}:
            return reply_of((), provider, cost_usd=cost_usd)
        case {"generations_by_pk": {"status": "FAILED"}}:
            return failure_of_job(provider, Said(message=f"{provider} gave the generation up (FAILED)"))
        case {"generations_by_pk": {"status": str()}}:
            return None
        case {"error": _} as body:
            return failure_inside(received, body, provider)
        case _:
            return unreadable(received, provider)


def _dollars(job: Mapping[str, Any]) -> float | None:
    """Return what a generation costs, where its answer counts in dollars and not in credits alone."""
    match job.get("cost"):
        case {"amount": str() | int() | float() as amount, "unit": "DOLLARS"}:
            try:
                dollars = float(amount)
            except ValueError:
                return None
            return dollars if math.isfinite(dollars) and dollars >= 0 else None
    return None


ADAPTERS = (
    Adapter(
        name="leonardo",
        base_url=at("https://cloud.leonardo.ai/api/rest/v1"),
        authorize=key_in(),
        flow=_flow,
        n_max=8,
    ),
)
