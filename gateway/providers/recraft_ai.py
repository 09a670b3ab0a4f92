"""Recraft: each kind of work on a picture has a path of its own, and takes the picture as a data URL in JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, outcome_of, picture_of, reply_of
from gateway.dialect.encode import DROPPED, OMITTED, Field, encode, one_of
from gateway.dialect.errors import OPENAI_CODES, Said, failure_from, failure_saying
from gateway.dialect.openai_like import EITHER_FORM, data_urls, number, too_many
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.images import Embedded, ImageRequest, Upload
from gateway.shapes import nearest_ratio
from gateway.wire import Adapter, Flow, Outcome, Received, Send, Target, send
from strategies import Cause, Failure

# What its own models have in common; of a partner's models the provider says what they take.
_RATIOS = ("1:1", "2:1", "1:2", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "14:10", "10:14", "16:9", "9:16")
_OPENAI_STYLES = frozenset({"vivid", "natural"})
_CODES = replace(OPENAI_CODES, exhausted=OPENAI_CODES.exhausted | {"not_enough_credits"})
_SUCCESS = range(200, 300)
_UNITS_PER_DOLLAR = 1000
_LONGEST_LINE = 2000
# How far to go from the given picture: the path wants to know, and callers have no word for it.
_STRENGTH = 0.5

_PROMPT, _MODEL = Field("prompt"), Field("model")
_NEGATIVE = Field("negative_prompt")
_STYLE = Field("style", turn=lambda style: DROPPED if style in _OPENAI_STYLES else style)
_SIZE = Field("size", turn=lambda size: OMITTED if size == "auto" else size)
_NO_SIZE = Field("size", turn=lambda size: OMITTED if size == "auto" else DROPPED)
_FORM = (
    EITHER_FORM,
    Field("output_format", "image_format", one_of(("png", "webp"), {"jpeg": "png", "jpg": "png"})),
)
_MADE = (*_FORM, Field("n"), Field("seed", "random_seed"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One path, and what it takes."""

    path: str
    fields: tuple[Field, ...]
    mask: bool = False


_GENERATE = _Work(path="/images/generations", fields=(_PROMPT, _MODEL, _STYLE, _NEGATIVE, _SIZE, *_MADE))
_INPAINT = _Work(path="/images/inpaint", fields=(_PROMPT, _MODEL, _STYLE, _NEGATIVE, _NO_SIZE, *_MADE), mask=True)
_CHANGE = _Work(path="/images/imageToImage", fields=_INPAINT.fields)
_VARY = _Work(path="/images/variateImage", fields=(_MODEL, _SIZE, *_MADE))
_BACKGROUND = (_PROMPT, _STYLE, _NEGATIVE, _NO_SIZE, *_MADE)
_WIDER = (_PROMPT, _STYLE, _NEGATIVE, _SIZE, *_MADE)
# Work that no model is chosen for: the path's own name stands in the place of one.
_TOOLS = {
    "replaceBackground": _Work(path="/images/replaceBackground", fields=_BACKGROUND),
    "generateBackground": _Work(path="/images/generateBackground", fields=_BACKGROUND, mask=True),
    "outpaint": _Work(path="/images/outpaint", fields=_WIDER),
    "eraseRegion": _Work(path="/images/eraseRegion", fields=(_NO_SIZE, *_FORM), mask=True),
    **{
        name: _Work(path=f"/images/{name}", fields=(_NO_SIZE, *_FORM))
        for name in (
            *("removeBackground", "vectorize", "crispUpscale", "creativeUpscale", "clarityUpscale"),
            "generativeUpscale",
        )
    },
}


def _flow(request: ImageRequest, target: Target) -> Flow:
    work = _work(request)
    failure = _unfit(work, request, target)
    if failure is not None:
        return failure
    encoded = encode(_known_to(work.fields, request.model or ""), request.params)
    body = {**_defaults(work, request.images), **encoded.body, **_pictures(request)}
    received = yield from send(Send("POST", work.path, json=body))
    return adapted(_understood(received, target.provider), encoded.adaptations)


def _work(request: ImageRequest) -> _Work:
    if request.operation == "generate":
        return _GENERATE
    if request.operation == "vary":
        return _VARY
    return _TOOLS.get(request.model or "") or (_CHANGE if request.mask is None else _INPAINT)


def _unfit(work: _Work, request: ImageRequest, target: Target) -> Failure | None:
    if request.model in _TOOLS and request.operation != "edit":
        return cannot(request, target)
    if work.mask and request.mask is None:
        return unsupported(f"{request.model} of {target.provider} needs a mask, which says where", "mask")
    refused = None if work.mask else no_mask(request, target)
    return refused or too_many(request, target, 1)


def _known_to(fields: tuple[Field, ...], model: str) -> tuple[Field, ...]:
    """Return the fields without those that only the second and third generation of models know."""
    if not model.startswith("recraftv4"):
        return fields
    return tuple(field for field in fields if field not in (_NEGATIVE, _STYLE))


def _defaults(work: _Work, images: tuple[Upload, ...]) -> Mapping[str, Any]:
    """Return what the path does not do without, where the caller need not say it."""
    if work is _CHANGE:
        return {"strength": _STRENGTH}
    if work is _VARY and images:
        return {"size": nearest_ratio(images[0].width / images[0].height, _RATIOS)[0]}
    return {}


def _pictures(request: ImageRequest) -> Mapping[str, Any]:
    pictures: dict[str, Any] = {"image_url": data_urls(request)[0]} if request.images else {}
    if request.mask is None:
        return pictures
    return {**pictures, "mask_url": Embedded(upload=request.mask, form="data_url", mask="white", binary=True)}


class _Charge(msgspec.Struct):
    credits: Any = None


def _understood(received: Received, provider: str) -> Outcome:
    if received.status not in _SUCCESS:
        return _failure(received, provider)
    outcome = outcome_of(received, provider, _CODES)
    if isinstance(outcome, Failure) and outcome.cause is Cause.EMPTY:
        match received.json():
            case {"image": {"b64_json": str(found)} | {"url": str(found)}}:
                outcome = reply_of([picture_of(found)], provider)
    if isinstance(outcome, Failure):
        return outcome
    return replace(outcome, reply=replace(outcome.reply, cost_usd=_dollars(received)))


def _dollars(received: Received) -> float | None:
    try:
        units = number(msgspec.json.decode(received.body, type=_Charge).credits)
    except msgspec.MsgspecError:
        return None
    return None if units is None else units / _UNITS_PER_DOLLAR


def _failure(received: Received, provider: str) -> Failure:
    """Return what an error means; some are a line of text and no JSON."""
    if received.headers.get("content-type", "").startswith("text/plain") and received.json() is None:
        said = Said(message=received.body[:_LONGEST_LINE].decode("utf-8", "replace"))
        return failure_saying(said, received, provider, _CODES)
    return failure_from(received, provider, _CODES)


ADAPTERS = (
    Adapter(
        name="recraft-ai",
        base_url=at("https://external.api.recraft.ai/v1"),
        authorize=key_in(),
        flow=_flow,
        n_max=6,
    ),
)
