"""Replicate's models: what they take, by family, and how a prediction looks, at Replicate itself and behind routers."""

import re
from typing import Any

from gateway.dialect.answers import picture_of, reply_of, unreadable
from gateway.dialect.encode import DROPPED, Field, edges, joined_by, one_of
from gateway.dialect.errors import Said, failure_of_job
from gateway.dialect.many_models import Custom, Families, Inputs, is_name
from gateway.images import Picture
from gateway.wire import Outcome, Received

_VERSION = re.compile(r"[0-9a-f]{64}")
_FAILED = frozenset({"failed", "canceled", "aborted"})
_WHERE_PICTURES_ARE = ("images", "image", "output", "urls", "url")

_FLUX_RATIOS = ("1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21")
_PRO_RATIOS = ("1:1", "16:9", "3:2", "2:3", "4:5", "5:4", "9:16", "3:4", "4:3")
_WIDE_RATIOS = (*_FLUX_RATIOS, "2:1", "1:2")
_GEMINI_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_FIVE_RATIOS = ("1:1", "9:16", "16:9", "3:4", "4:3")
_IDEOGRAM_RATIOS = (
    *("1:3", "3:1", "1:2", "2:1", "9:16", "16:9", "10:16", "16:10", "2:3", "3:2", "3:4", "4:3"),
    *("4:5", "5:4", "1:1"),
)


def _own_style(value: Any) -> Any:  # noqa: ANN401
    """Pass on a style of the model's own; those of OpenAI are none."""
    return DROPPED if value in ("vivid", "natural") else value


_PROMPT, _SEED, _NEGATIVE, _N = Field("prompt"), Field("seed"), Field("negative_prompt"), Field("n", "num_outputs")
_JPEG = {"jpeg": "jpg", "jpg": "jpg", "png": "png"}
_FORMAT = Field("output_format", turn=one_of(_JPEG, {"webp": "png"}))
_FORMAT_OR_WEBP = Field("output_format", turn=one_of({**_JPEG, "webp": "webp"}))
_COMPRESSION = Field("output_compression", "output_quality")
_USUAL = (_PROMPT, _SEED, _FORMAT_OR_WEBP, _COMPRESSION)
_GPT = (
    *(_PROMPT, Field("n", "number_of_images"), Field("output_compression"), Field("user", "user_id")),
    Field("output_format", turn=one_of(("png", "jpeg", "webp"), {"jpg": "jpeg"})),
    Field("quality", turn=one_of(("auto", "low", "medium", "high"), {"standard": "medium", "hd": "high"})),
    Field("background", turn=one_of(("auto", "transparent", "opaque"))),
    Field("moderation", turn=one_of(("auto", "low"))),
    Field("input_fidelity", turn=one_of(("low", "high"))),
)
_GRADE = Field("quality", turn=one_of(("low", "medium", "high"), {"standard": "medium", "hd": "high"}))
_SEEDREAM_SIZES = Custom(multiple=1, least=1024, most=4096, names=("size", "width", "height"))

FAMILIES: Families = (
    (r"gpt-image", Inputs(fields=_GPT, ratios=("1:1", "3:2", "2:3"), images="input_images", most=10)),
    (
        r"nano-banana|gemini",
        Inputs(fields=(_PROMPT, _FORMAT), ratios=_GEMINI_RATIOS, images="image_input", most=14),
    ),
    (r"imagen", Inputs(fields=(_PROMPT, _FORMAT), ratios=_FIVE_RATIOS)),
    (
        r"flux-2-dev",
        Inputs(
            fields=_USUAL,
            ratios=_PRO_RATIOS,
            custom=Custom(multiple=32, least=256, most=1440),
            images="input_images",
            most=4,
        ),
    ),
    (
        r"flux-2",
        Inputs(
            fields=_USUAL,
            ratios=_PRO_RATIOS,
            custom=Custom(multiple=32, least=256, most=2048),
            images="input_images",
            most=8,
        ),
    ),
    (r"kontext", Inputs(fields=(_PROMPT, _SEED, _FORMAT), ratios=_WIDE_RATIOS, image="input_image")),
    (r"flux.*fill", Inputs(fields=_USUAL, image="image", mask="mask")),
    (r"flux.*ultra", Inputs(fields=(_PROMPT, _SEED, _FORMAT), ratios=_WIDE_RATIOS, image="image_prompt")),
    (
        r"flux(-1\.1)?-pro",
        Inputs(
            fields=_USUAL,
            ratios=_PRO_RATIOS,
            custom=Custom(multiple=32, least=256, most=1440),
            image="image_prompt",
        ),
    ),
    (r"flux-schnell", Inputs(fields=(*_USUAL, _N), ratios=_FLUX_RATIOS)),
    (r"flux", Inputs(fields=(*_USUAL, _N), ratios=_FLUX_RATIOS, image="image")),
    (
        r"ideogram-4",
        Inputs(
            fields=(_PROMPT, _SEED, Field("n", "num_images"), _GRADE),
            images="images",
            most=5,
            mask="mask",
            polarity="black",
        ),
    ),
    (
        r"ideogram",
        Inputs(fields=(_PROMPT, _SEED), ratios=_IDEOGRAM_RATIOS, image="image", mask="mask", polarity="black"),
    ),
    (
        r"recraft",
        Inputs(fields=(_PROMPT, Field("size", turn=joined_by("x")), Field("style", turn=_own_style))),
    ),
    (
        r"seedream",
        Inputs(fields=(_PROMPT,), ratios=_GEMINI_RATIOS, custom=_SEEDREAM_SIZES, images="image_input", most=10),
    ),
    (r"qwen-image-edit-", Inputs(fields=_USUAL, ratios=_FIVE_RATIOS, images="image", most=3)),
    (r"qwen-image-edit", Inputs(fields=_USUAL, ratios=_FIVE_RATIOS, image="image")),
    (r"qwen-image", Inputs(fields=(*_USUAL, _NEGATIVE), ratios=_GEMINI_RATIOS, image="image")),
    (r"stable-diffusion-3", Inputs(fields=(*_USUAL, _NEGATIVE), ratios=_FLUX_RATIOS, image="image")),
    (r"photon", Inputs(fields=(_PROMPT, _SEED), ratios=("1:1", "3:4", "4:3", "9:16", "16:9", "9:21", "21:9"))),
    (
        r"sdxl|stable-diffusion|inpaint",
        Inputs(
            fields=(_PROMPT, _SEED, _N, _NEGATIVE, Field("size", ("width", "height"), edges)),
            image="image",
            mask="mask",
        ),
    ),
    # Models of the community, named by a version, are run by edges; the official ones by shape.
    (
        r":|^[0-9a-f]{64}$",
        Inputs(fields=(_PROMPT, _SEED, _N, _NEGATIVE, Field("size", ("width", "height"), edges)), image="image"),
    ),
    (r"", Inputs(fields=(_PROMPT, _SEED, _FORMAT_OR_WEBP), ratios=_FLUX_RATIOS, image="image")),
)


def creation(model: str) -> tuple[str, dict[str, Any]] | None:
    """Return the path and what it wants beside the input; `None` for what is no model's name.

    A model is an official one (`owner/name`), a version (64 hex digits, with `owner/name:` before them or not), or a
    deployment (`deployments/owner/name`).
    """
    name, _, version = model.rpartition(":")
    if _VERSION.fullmatch(version) and (not name or is_name(name)):
        return "/predictions", {"version": version}
    match model.split("/") if is_name(model) else []:
        case ["deployments", owner, name]:
            return f"/deployments/{owner}/{name}/predictions", {}
        case [owner, name]:
            return f"/models/{owner}/{name}/predictions", {}
    return None


def understood(received: Received, provider: str) -> Outcome | None:
    """Return what became of a prediction, or `None` while it runs."""
    match received.json():
        case {"status": "succeeded", "output": output}:
            return reply_of(_pictures(output), provider)
        case {"status": "succeeded"}:
            return reply_of((), provider)
        case {"status": str(status), **rest} if status in _FAILED:
            error = rest.get("error")
            told = error if isinstance(error, str) and error else f"{provider} gave the prediction up ({status})"
            return failure_of_job(provider, Said(message=told))
        case {"status": str()}:
            return None
        case _:
            return unreadable(received, provider)


def _pictures(output: Any) -> list[Picture | None]:  # noqa: ANN401 - the JSON boundary
    match output:
        case str():
            return [picture_of(output)]
        case list():
            return [picture for item in output for picture in _pictures(item)]
        case dict():
            return next((_pictures(output[name]) for name in _WHERE_PICTURES_ARE if name in output), [])
    return []
