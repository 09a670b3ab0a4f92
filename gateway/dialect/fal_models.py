"""fal's models: what they take, by family, and how a finished request looks, at fal itself and behind routers."""

from collections.abc import Mapping
from typing import Any

from gateway.dialect.answers import picture_of, reply_of, unreadable
from gateway.dialect.encode import DROPPED, OMITTED, Adapted, Field, joined_by, one_of
from gateway.dialect.errors import Codes
from gateway.dialect.many_models import Families, Inputs
from gateway.images import Picture
from gateway.shapes import nearest_ratio, parse_size, ratio_of
from gateway.wire import Outcome, Received

CODES = Codes(
    policy=frozenset({"content_policy_violation"}),
    provider_error=frozenset(
        {
            *("no_media_generated", "internal_server_error", "generation_timeout"),
            *("downstream_service_error", "downstream_service_unavailable"),
        }
    ),
)

_NAMED_SHAPES = {
    "1:1": "square_hd",
    "4:3": "landscape_4_3",
    "16:9": "landscape_16_9",
    "3:4": "portrait_4_3",
    "9:16": "portrait_16_9",
}
_FLUX_RATIOS = ("21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21")
_GEMINI_RATIOS = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16")
_IMAGEN_RATIOS = ("1:1", "16:9", "9:16", "3:4", "4:3")
_PHOTON_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "9:21")


def _image_size(value: Any) -> Any:  # noqa: ANN401
    """Turn a size into an object, and a bare shape into fal's name for it."""
    if value == "auto":
        return OMITTED
    size = parse_size(value)
    if size is not None:
        return {"width": size[0], "height": size[1]}
    asked = ratio_of(value)
    if asked is None:
        return DROPPED
    shape, faithful = nearest_ratio(asked, _NAMED_SHAPES)
    return _NAMED_SHAPES[shape] if faithful else Adapted(_NAMED_SHAPES[shape])


def _own_style(value: Any) -> Any:  # noqa: ANN401
    """Pass on a style of the model's own; those of OpenAI are none."""
    return DROPPED if value in ("vivid", "natural") else value


_SIZE = Field("size", "image_size", _image_size)
_N = Field("n", "num_images")
_ONE = Field("n", turn=lambda count: OMITTED if count == 1 else DROPPED)
_FORMAT = Field("output_format", turn=one_of({"jpeg": "jpeg", "jpg": "jpeg", "png": "png"}, {"webp": "png"}))
_FORMAT_OR_WEBP = Field("output_format", turn=one_of({"jpeg": "jpeg", "jpg": "jpeg", "png": "png", "webp": "webp"}))
_PROMPT, _SEED, _NEGATIVE = Field("prompt"), Field("seed"), Field("negative_prompt")
_USUAL = (_PROMPT, _N, _SEED, _FORMAT)
_SPEED = one_of(
    {"standard": "TURBO", "low": "TURBO", "medium": "BALANCED", "high": "QUALITY", "hd": "QUALITY"},
)
_GPT = (
    *(_PROMPT, _N, _FORMAT_OR_WEBP, Field("size", "image_size", joined_by("x"))),
    Field("quality", turn=one_of(("auto", "low", "medium", "high"), {"standard": "medium", "hd": "high"})),
    Field("background", turn=one_of(("auto", "transparent", "opaque"))),
    Field("input_fidelity", turn=one_of(("low", "high"))),
)

FAMILIES: Families = (
    (r"gpt-image", Inputs(fields=_GPT, images="image_urls", most=16, mask="mask_image_url", polarity=None)),
    (
        r"nano-banana|gemini",
        Inputs(fields=(_PROMPT, _N, _FORMAT_OR_WEBP), ratios=_GEMINI_RATIOS, images="image_urls", most=14),
    ),
    (r"imagen", Inputs(fields=(*_USUAL, _NEGATIVE), ratios=_IMAGEN_RATIOS)),
    (r"kontext.*/multi", Inputs(fields=_USUAL, ratios=_FLUX_RATIOS, images="image_urls", most=10)),
    (r"flux-kontext", Inputs(fields=_USUAL, ratios=_FLUX_RATIOS, ratio_name="resolution_mode", image="image_url")),
    (r"kontext|ultra", Inputs(fields=_USUAL, ratios=_FLUX_RATIOS, image="image_url")),
    (r"photon", Inputs(fields=(_PROMPT, _ONE), ratios=_PHOTON_RATIOS, image="image_url")),
    (r"recraft", Inputs(fields=(_PROMPT, _ONE, _SIZE, Field("style", turn=_own_style)), image="image_url")),
    # Which colour of a mask Ideogram's models change is not said here: refused rather than turned inside out.
    (
        r"ideogram",
        Inputs(
            fields=(_PROMPT, _N, _SEED, _SIZE, _NEGATIVE, Field("quality", "rendering_speed", _SPEED)),
            image="image_url",
        ),
    ),
    (r"fill|inpaint", Inputs(fields=(*_USUAL, _SIZE), image="image_url", mask="mask_url")),
    (r"seedream", Inputs(fields=(_PROMPT, _N, _SEED, _SIZE), images="image_urls", most=10)),
    (r"flux-2-", Inputs(fields=(_PROMPT, _ONE, _SEED, _FORMAT, _SIZE), images="image_urls", most=9)),
    (
        r"flux-2",
        Inputs(fields=(_PROMPT, _N, _SEED, _FORMAT_OR_WEBP, _SIZE), images="image_urls", most=4),
    ),
    (r"qwen-image-edit-\w+", Inputs(fields=(*_USUAL, _NEGATIVE, _SIZE), images="image_urls", most=3)),
    (
        r"stable-diffusion|sdxl|qwen|hidream|kolors|sana|lightning|playground|wan",
        Inputs(fields=(*_USUAL, _NEGATIVE, _SIZE), image="image_url"),
    ),
    (r"", Inputs(fields=(*_USUAL, _SIZE), image="image_url", images="image_urls", most=10)),
)


def understood(received: Received, provider: str, params: Mapping[str, Any]) -> Outcome:
    """Return the pictures of a finished request."""
    match received.json():
        case {"images": list(items)} as answer:
            pass
        case {"image": dict(item)} as answer:
            items = [item]
        case {"image": str(item)} as answer:
            items = [item]
        case _:
            return unreadable(received, provider, CODES)
    # Whoever switched the checker off wants what it would have blackened; it may still speak its mind.
    flags = [] if params.get("enable_safety_checker") is False else _flags(answer)
    flagged = [flags[number] is True if number < len(flags) else False for number in range(len(items))]
    kept = [_picture(item) for item, black in zip(items, flagged, strict=True) if not black]
    return reply_of(kept, provider, withheld=any(flagged) or (not items and True in flags))


def _flags(answer: Mapping[str, Any]) -> list[Any]:
    for name in ("has_nsfw_concepts", "nsfw_content_detected"):
        match answer.get(name):
            case list(flags):
                return flags
            case bool(flag):
                return [flag]
    return []


def _picture(item: Any) -> Picture | None:  # noqa: ANN401 - the JSON boundary
    return picture_of(item.get("url") if isinstance(item, dict) else item)
