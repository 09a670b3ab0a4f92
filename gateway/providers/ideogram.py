"""Ideogram: a form to the route that suits the model and what is handed in, links in return."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.encode import DROPPED, OMITTED, Field, encode, joined_by, one_of, ratio
from gateway.dialect.errors import failure_from, failure_inside
from gateway.dialect.many_models import is_name, unnamed
from gateway.dialect.openai_body import text_of
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.images import Embedded, ImageRequest, Polarity
from gateway.wire import Adapter, Flow, FormField, Outcome, Received, Send, Target, send
from strategies import Cause, Failure, Success

_SUCCESS = range(200, 300)
_UNSAFE = 422
"""The status that Ideogram documents for prompts and pictures that fail its safety check."""

_RATIOS = (
    *("1:3", "3:1", "1:2", "2:1", "9:16", "16:9", "10:16", "16:10", "2:3", "3:2", "3:4", "4:3"),
    *("4:5", "5:4", "1:1"),
)
_HEIGHTS_BY_WIDTH = {
    512: (1536,),
    576: (1408, 1472, 1536),
    640: (1344, 1408, 1472, 1536),
    704: (1152, 1216, 1280, 1344, 1408, 1472),
    736: (1312,),
    768: (1088, 1216, 1280, 1344),
    800: (1280,),
    832: (960, 1024, 1088, 1152, 1216, 1248),
    864: (1152,),
    896: (960, 1024, 1088, 1120, 1152),
    960: (1024, 1088),
}
_UPRIGHT = [f"{width}x{height}" for width, heights in _HEIGHTS_BY_WIDTH.items() for height in heights]
_LYING = [f"{height}x{width}" for width, heights in _HEIGHTS_BY_WIDTH.items() for height in heights]
_RESOLUTIONS = frozenset({*_UPRIGHT, *_LYING, "1024x1024"})

_SPEED = Field(
    "quality",
    "rendering_speed",
    one_of({"low": "TURBO", "standard": "TURBO", "medium": "DEFAULT", "high": "QUALITY", "hd": "QUALITY"}),
)
_GRADE = Field(
    "quality", turn=one_of({"low": "low", "medium": "medium", "high": "high"}, {"standard": "medium", "hd": "high"})
)
_STYLES = {"natural": "REALISTIC", "vivid": DROPPED}
_STYLE = Field("style", "style_type", lambda value: _STYLES.get(value, value) if isinstance(value, str) else DROPPED)
_BACKGROUND = Field("background", turn=one_of({"opaque": OMITTED}))
_BY_RATIO = Field("size", "aspect_ratio", ratio(_RATIOS, between="x"))
_BY_PIXELS = Field("size", "resolution", one_of(sorted(_RESOLUTIONS)))
_ANY_PIXELS = Field("size", "resolution", joined_by("x"))
_PROMPT, _NEGATIVE = Field("prompt"), Field("negative_prompt")
_COUNTED = (Field("n", "num_images"), Field("seed"))
_CHANGING = (_PROMPT, *_COUNTED, _SPEED, _STYLE, _BACKGROUND)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    """Where a request goes, in which words, with which pictures."""

    path: str
    fields: tuple[Field, ...]
    image: str | None = None
    most: int = 1
    mask: Polarity | None = None


# The one way to work on several pictures: it has few words, and chooses the shape itself.
_SEVERAL = _Route(path="/v1/edit", fields=(_PROMPT, *_COUNTED), image="images", most=10)


def _flow(request: ImageRequest, target: Target) -> Flow:
    if not is_name(request.model or ""):
        return unnamed(request, target, "ideogram-v3")
    route = _route(request)
    if route is None:
        return cannot(request, target)
    refused = _unfit(route, request, target)
    if refused is not None:
        return refused
    encoded = encode(route.fields, request.params)
    received = yield from send(Send("POST", route.path, form=_form(route, encoded.body, request)))
    if received.status in _SUCCESS:
        return adapted(_understood(received, target.provider), encoded.adaptations)
    failure = failure_from(received, target.provider)
    return replace(failure, cause=Cause.POLICY) if received.status == _UNSAFE else failure


def _route(request: ImageRequest) -> _Route | None:
    """Return the route; `None` where the model has none for what is to be done.

    A route can be named behind the model, as some do what no other request asks for: `ideogram-v3/reframe`.
    """
    model, _, named = (request.model or "").partition("/")
    if not re.match(r"ideogram-v[0-9]", model):
        return None if named or request.operation == "vary" else _newer(model)
    if not named and request.operation == "edit" and request.mask is None and len(request.images) > 1:
        return _SEVERAL
    if model.startswith("ideogram-v4"):
        return None if named or request.operation == "vary" else _fourth(model, request)
    return _third(f"/v1/{model}", named, request)


def _third(base: str, named: str, request: ImageRequest) -> _Route | None:
    painted: tuple[Field, ...] = (*_CHANGING, _NEGATIVE, _shape(request.params))
    match named or request.operation, request.mask:
        case "reframe", _:
            fields: tuple[Field, ...] = (*_COUNTED, _SPEED, _STYLE, _BY_PIXELS)
            return _Route(path=f"{base}/reframe", fields=fields, image="image")
        case "replace-background", _:
            return _Route(path=f"{base}/replace-background", fields=_CHANGING, image="image")
        case "generate", _ if request.params.get("background") == "transparent":
            fields = (
                _PROMPT,
                *_COUNTED,
                _SPEED,
                _NEGATIVE,
                _BY_RATIO,
                Field("background", turn=lambda _value: OMITTED),
            )
            return _Route(path=f"{base}/generate-transparent", fields=fields)
        case "generate", _:
            return _Route(path=f"{base}/generate", fields=painted)
        case "edit", None:
            return _Route(path=f"{base}/remix", fields=painted, image="image")
        case "edit", _:
            return _Route(path=f"{base}/inpaint", fields=_CHANGING, image="image", mask="black")
    return None


def _fourth(model: str, request: ImageRequest) -> _Route:
    fields = (Field("prompt", "text_prompt"), _SPEED, _ANY_PIXELS)
    if request.operation == "generate":
        return _Route(path=f"/v1/{model}/generate", fields=fields)
    return _Route(path=f"/v1/{model}/remix", fields=fields, image="image")


def _newer(model: str) -> _Route:
    """Return the one route that the API's second version has for painting and for editing alike."""
    return _Route(
        path=f"/v2/image/generate/{model}", fields=(_PROMPT, *_COUNTED, _GRADE), image="images", most=5, mask="black"
    )


def _shape(params: Mapping[str, Any]) -> Field:
    size = params.get("size")
    return _BY_PIXELS if isinstance(size, str) and size in _RESOLUTIONS else _BY_RATIO


def _unfit(route: _Route, request: ImageRequest, target: Target) -> Failure | None:
    if request.images and route.image is None:
        return cannot(request, target)
    if not request.images and (request.operation != "generate" or "/" in (request.model or "")):
        return unsupported(f"{request.model} works on a given picture: send `image`", "image")
    if len(request.images) > route.most:
        return unsupported(f"{request.model} works on {route.most} picture{'s' * (route.most > 1)} at most", "image")
    return None if route.mask else no_mask(request, target)


def _form(route: _Route, body: Mapping[str, Any], request: ImageRequest) -> tuple[FormField, ...]:
    """Return the form: one part for each item of a list of words, such as style codes."""
    parts: list[FormField] = []
    for name, value in body.items():
        several = value if isinstance(value, list) and all(isinstance(item, str) for item in value) else [value]
        parts += [FormField(name, text_of(item)) for item in several]
    parts += [FormField(route.image or "image", Embedded(upload=upload, form="bytes")) for upload in request.images]
    if request.mask is not None:
        parts.append(FormField("mask", Embedded(upload=request.mask, form="bytes", mask=route.mask)))
    return tuple(parts)


def _understood(received: Received, provider: str) -> Outcome:
    match received.json():
        case {"data": list(items)} as answer:
            pictures = [item for item in items if isinstance(item, dict)]
        case {"error": error} as body if error:
            return failure_inside(received, body, provider)
        case _:
            return unreadable(received, provider)
    kept = [
        picture_of(item.get("url"), revised_prompt=item.get("prompt"))
        for item in pictures
        if item.get("is_image_safe") is not False
    ]
    outcome = reply_of(kept, provider, withheld=len(kept) < len(pictures))
    if isinstance(outcome, Success):
        return Success(replace(outcome.reply, created=_seconds(answer.get("created"))))
    return outcome


def _seconds(moment: Any) -> int | None:  # noqa: ANN401 - the JSON boundary
    """Return seconds since 1970 of a moment as ISO 8601 writes it."""
    try:
        when = datetime.fromisoformat(moment) if isinstance(moment, str) else None
    except ValueError:
        return None
    return None if when is None or when.tzinfo is None else int(when.timestamp())


ADAPTERS = (
    Adapter(
        name="ideogram",
        base_url=at("https://api.ideogram.ai"),
        authorize=key_in("Api-Key", ""),
        flow=_flow,
        n_max=8,
    ),
)
