"""Stability's models on Bedrock: the SDXL format, and the flat one of all newer models and services."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from gateway.dialect.alpha import mask_of
from gateway.dialect.answers import picture_of, reply_of, unreadable
from gateway.dialect.bedrock_amazon import follows
from gateway.dialect.encode import DROPPED, OMITTED, Adapted, Encoded, Field, edges, encode, one_of, ratio
from gateway.dialect.errors import Said, failure_of_job
from gateway.dialect.stable_diffusion import NEUTRAL_PROMPT, prompted
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.dialect.words import identifier, shown
from gateway.images import Embedded, ImageRequest
from gateway.wire import Outcome, Received, Target
from strategies import Cause, Failure

_RATIOS = ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
_PRESETS = (
    *("3d-model", "analog-film", "anime", "cinematic", "comic-book", "digital-art", "enhance", "fantasy-art"),
    *("isometric", "line-art", "low-poly", "modeling-compound", "neon-punk", "origami", "photographic"),
    *("pixel-art", "tile-texture"),
)
_FILTERED, _BROKEN = "Filter reason", "Inference error"
# SD3 takes no picture without a strength. The higher it is, the less of the picture stays.
_USUAL_STRENGTH = 0.7
_VERSION = re.compile(r"-v[0-9]+$")
_PNG_ONLY = Field("output_format", turn=one_of({"png": OMITTED}))
_OPAQUE = Field("background", turn=one_of({"opaque": OMITTED}))
_WORDS = (Field("prompt"), Field("negative_prompt"), Field("seed"))
_STYLE = Field("style", "style_preset", one_of(_PRESETS))


@dataclass(frozen=True, slots=True)
class _Service:
    """One of the services that work on given pictures."""

    pictures: tuple[str, ...] = ("image",)
    takes: tuple[Field, ...] = (*_WORDS, _STYLE, _OPAQUE)
    mask: bool = False
    formats: tuple[str, ...] = ("jpeg", "png", "webp")
    usual_format: str | None = None
    resized: bool = False
    """Whether the picture comes back in another size than it had."""


_RESIZING = _Service(resized=True)
_SERVICES = {
    "stable-image-inpaint": _Service(mask=True),
    "stable-outpaint": _RESIZING,
    "stable-image-search-replace": _Service(),
    "stable-image-search-recolor": _Service(),
    "stable-image-erase-object": _Service(takes=(Field("seed"), _OPAQUE), mask=True),
    "stable-image-remove-background": _Service(
        takes=(Field("background", turn=one_of({"transparent": OMITTED})),), formats=("png", "webp")
    ),
    "stable-image-control-sketch": _Service(),
    "stable-image-control-structure": _Service(),
    "stable-image-style-guide": _Service(
        takes=(*_WORDS, _STYLE, _OPAQUE, Field("size", "aspect_ratio", ratio(_RATIOS)))
    ),
    "stable-style-transfer": _Service(pictures=("init_image", "style_image")),
    "stable-fast-upscale": _Service(takes=(_OPAQUE,), resized=True),
    "stable-conservative-upscale": _RESIZING,
    # Answers above some 16 MB fail, and its pictures as PNG are larger than that.
    "stable-creative-upscale": _Service(usual_format="jpeg", resized=True),
}
_UNKNOWN_SERVICE = _Service(mask=True)


def encoded_sdxl(request: ImageRequest, _target: Target) -> Encoded | Failure:
    """Return the body of a request to SDXL 1.0."""
    if len(request.images) > 1:
        return _too_many(request, 1)
    size = Field("size", turn=follows(request)) if request.images else Field("size", ("width", "height"), edges)
    fields = [
        Field("prompt", "text_prompts", lambda text: [{"text": text}]),
        *(Field("negative_prompt"), Field("seed"), _STYLE, _PNG_ONLY, _OPAQUE, size),
    ]
    if request.images:
        fields.append(
            Field("input_fidelity", "image_strength", _nearness({"high": 0.7, "low": 0.35}, "image_strength"))
        )
    found = encode(fields, request.params)
    body = found.body
    if request.operation == "vary":
        body.setdefault("text_prompts", [{"text": NEUTRAL_PROMPT}])
    unwanted = body.pop("negative_prompt", None)
    if unwanted is not None and isinstance(body.get("text_prompts"), list):
        body["text_prompts"] = [*body["text_prompts"], {"text": unwanted, "weight": -1.0}]
    for upload in request.images:
        body["init_image"] = Embedded(upload=upload)
    if request.mask is not None:
        body["mask_source"] = "MASK_IMAGE_WHITE"
        body["mask_image"] = Embedded(upload=request.mask, mask="white")
    return found


def understood_sdxl(received: Received, provider: str) -> Outcome:
    """Return the pictures of SDXL's answer, without those that were blurred or failed."""
    match received.json():
        case {"artifacts": list(artifacts)}:
            found = [each for each in artifacts if isinstance(each, dict)]
        case _:
            return unreadable(received, provider)
    reasons = {reason for each in found if isinstance(reason := each.get("finishReason"), str)}
    spoiled = ("CONTENT_FILTERED", "ERROR")
    pictures = [picture_of(each.get("base64")) for each in found if each.get("finishReason") not in spoiled]
    if not any(pictures) and "ERROR" in reasons and "CONTENT_FILTERED" not in reasons:
        return failure_of_job(provider, Said(message=f"{provider} gave the picture up (ERROR)"))
    return reply_of(pictures, provider, withheld="CONTENT_FILTERED" in reasons)


def encoded(request: ImageRequest, target: Target, model: str) -> Encoded | Failure:
    """Return the body of a request to any newer model; `model` is its name without what surrounds it."""
    name = _VERSION.sub("", model.removeprefix("stability."))
    if name.startswith("sd3"):
        return _sd3(request, target, webp=name.startswith("sd3-5"))
    if request.operation == "vary":
        return cannot(request, target)
    if name in ("stable-image-core", "stable-image-ultra"):
        return cannot(request, target) if request.images else encode(_from_words(("png", "jpeg")), request.params)
    service = _SERVICES.get(name, _UNKNOWN_SERVICE)
    if request.images:
        return _serviced(service, request, target)
    if service is not _UNKNOWN_SERVICE:
        return cannot(request, target)
    return encode([*_from_words(service.formats), _STYLE], request.params)


def understood(received: Received, provider: str) -> Outcome:
    """Return the pictures of an answer, without those whose reason to finish is not that they are done."""
    match received.json():
        case {"finish_reasons": list(reasons), **rest}:
            images = rest.get("images")
        case {"images": list(images)}:
            reasons = []
        case _:
            return unreadable(received, provider)
    ended = list(zip_longest(images if isinstance(images, list) else [], reasons))
    pictures = [picture_of(image) for image, reason in ended if not _spoiled(reason)]
    if any(pictures):
        return reply_of(pictures, provider)
    told = [reason for _, reason in ended if _spoiled(reason)]
    refusal = next((reason for reason in told if reason.startswith(_FILTERED)), None)
    if refusal is not None:
        return Failure(
            cause=Cause.POLICY,
            message=f"{provider} refused this by its content policy ({shown(refusal)})",
            provider_code=identifier(re.sub(r"\W+", "_", refusal.lower())),
        )
    if told:
        return failure_of_job(provider, Said(message=f"{provider} gave the picture up ({_BROKEN})"))
    return reply_of((), provider)


def _sd3(request: ImageRequest, target: Target, *, webp: bool) -> Encoded | Failure:
    formats = ("png", "jpeg", "webp") if webp else ("png", "jpeg")
    if not request.images:
        return encode(_from_words(formats), request.params)
    refused = no_mask(request, target)
    if refused is not None or len(request.images) > 1:
        return refused or _too_many(request, 1)
    fields = (
        *_WORDS,
        *(_format(formats), _OPAQUE, Field("size", turn=follows(request))),
        Field("input_fidelity", "strength", _nearness({"high": 0.4, "low": _USUAL_STRENGTH}, "strength")),
    )
    found = encode(fields, request.params)
    prompted(found.body, request)
    picture = {"mode": "image-to-image", "image": Embedded(upload=request.images[0])}
    return Encoded({"strength": _USUAL_STRENGTH, **found.body, **picture}, found.adaptations)


def _serviced(service: _Service, request: ImageRequest, target: Target) -> Encoded | Failure:
    wanted = service.pictures
    if len(request.images) > len(wanted):
        return _too_many(request, len(wanted))
    if len(request.images) < len(wanted):
        return unsupported(
            f"{request.model} works on two pictures: the one to change, then the one to learn from", "image"
        )
    refused = None if service.mask else no_mask(request, target)
    if refused is not None:
        return refused
    fields = [Field("size", turn=follows(request)), *service.takes, _format(service.formats)]
    found = encode(fields[1:] if service.resized else fields, request.params)
    body: dict[str, Any] = {} if service.usual_format is None else {"output_format": service.usual_format}
    body |= found.body
    body |= {name: Embedded(upload=upload) for name, upload in zip(wanted, request.images, strict=True)}
    mask = mask_of(request) if service.mask and service is not _UNKNOWN_SERVICE else request.mask
    if mask is not None:
        body["mask"] = Embedded(upload=mask, mask="white")
    return Encoded(body, found.adaptations)


def _from_words(formats: tuple[str, ...]) -> list[Field]:
    return [*_WORDS, _OPAQUE, _format(formats), Field("size", "aspect_ratio", ratio(_RATIOS))]


def _format(known: tuple[str, ...]) -> Field:
    return Field("output_format", turn=one_of(known, {"jpg": "jpeg"} if "jpeg" in known else None))


def _nearness(words: Mapping[str, float], name: str) -> Any:  # noqa: ANN401
    def turn(value: Any) -> Any:  # noqa: ANN401
        found = words.get(value) if isinstance(value, str) else None
        return DROPPED if found is None else Adapted(found, f"{name} {found}")

    return turn


def _spoiled(reason: Any) -> bool:  # noqa: ANN401
    return isinstance(reason, str) and reason.startswith((_FILTERED, _BROKEN))


def _too_many(request: ImageRequest, most: int) -> Failure:
    return unsupported(
        f"{request.model} works on {'one picture' if most == 1 else f'{most} pictures'} at most", "image"
    )
