"""xAI: Grok Imagine's new pictures and edits, both as JSON."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, outcome_of
from gateway.dialect.encode import Field, encode, one_of
from gateway.dialect.openai_like import EITHER_FORM, aspect, data_urls, no_model, number, spent, spread, too_many
from gateway.dialect.unable import cannot, no_mask
from gateway.images import ImageRequest
from gateway.wire import Adapter, Flow, Received, Send, Target, send

_RATIOS = (
    *("1:1", "3:4", "4:3", "9:16", "16:9", "2:3", "3:2", "9:19.5", "19.5:9", "9:20", "20:9"),
    *("1:2", "2:1"),
)
_OLD_MODELS = "grok-2-image"
_OLD = (Field("model"), Field("prompt"), Field("n"), Field("user"), EITHER_FORM)
_QUALITIES = one_of(("low", "medium", "high"), {"standard": "medium", "hd": "high", "xhigh": "high", "max": "high"})
_SIZED = (*_OLD, Field("size", turn=aspect(_RATIOS, ("1k", "2k"), "resolution")))
_GRADED = (*_SIZED, Field("quality", turn=_QUALITIES))
# A parameter that a model does not have is an error here, and these came before there were qualities.
_WITHOUT_QUALITY = frozenset({"grok-imagine-image", "grok-imagine-image-quality", "grok-imagine-image-pro"})
_MOST_IMAGES = 3
_TICKS_PER_DOLLAR = 10**10


def _flow(request: ImageRequest, target: Target) -> Flow:
    old = (request.model or "").startswith(_OLD_MODELS)
    if request.operation == "vary" or (old and request.operation == "edit"):
        return cannot(request, target)
    failure = (
        no_model(request, target, "grok-imagine-image")
        or no_mask(request, target)
        or too_many(request, target, _MOST_IMAGES)
    )
    if failure is not None:
        return failure
    encoded = encode(_fields(request.model or ""), request.params)
    path = "/images/generations" if request.operation == "generate" else "/images/edits"
    received = yield from send(Send("POST", path, json={**spread(encoded.body), **_pictures(request)}))
    outcome = spent(outcome_of(_without_blocked(received), target.provider), _dollars)
    return adapted(outcome, encoded.adaptations)


def _fields(model: str) -> tuple[Field, ...]:
    if model.startswith(_OLD_MODELS):
        return _OLD
    return _SIZED if model in _WITHOUT_QUALITY else _GRADED


def _pictures(request: ImageRequest) -> Mapping[str, Any]:
    pictures = [{"type": "image_url", "url": url} for url in data_urls(request)]
    if not pictures:
        return {}
    return {"image": pictures[0]} if len(pictures) == 1 else {"images": pictures}


def _without_blocked(received: Received) -> Received:
    """Return the answer without the pictures that moderation blocked: what stands in their place is not one."""
    if b'"respect_moderation"' not in received.body:
        return received
    match received.json():
        case {"data": list(items)} as answer:
            kept = [{"respect_moderation": False} if _is_blocked(item) else item for item in items]
            return replace(received, body=orjson.dumps({**answer, "data": kept}))
    return received


def _is_blocked(item: object) -> bool:
    return isinstance(item, dict) and item.get("respect_moderation") is False


def _dollars(usage: Mapping[str, Any]) -> float | None:
    ticks = number(usage.get("cost_in_usd_ticks"))
    return None if ticks is None else ticks / _TICKS_PER_DOLLAR


ADAPTERS = (
    Adapter(
        name="x-ai",
        base_url=at("https://api.x.ai/v1"),
        authorize=key_in(),
        flow=_flow,
        n_max=10,
    ),
)
