"""The routes of Stability AI's v2beta: which one a request takes, and what its form may hold."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.dialect.alpha import mask_of
from gateway.dialect.encode import DROPPED, OMITTED, Field, one_of, ratio
from gateway.dialect.stable_diffusion import STYLE, TAKEN_FOR_GRANTED
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.images import ImageRequest
from gateway.wire import Target
from strategies import Failure

SENDABLE = re.compile(r"[!-~](?:[ -~]{0,254}[!-~])?", re.ASCII)
"""What a header takes: the caller's `user` travels in one."""


def _user(value: Any) -> Any:  # noqa: ANN401
    """Leave what goes into a header out of the form."""
    return OMITTED if isinstance(value, str) and SENDABLE.fullmatch(value) else DROPPED


_RATIOS = ("21:9", "16:9", "3:2", "5:4", "1:1", "4:5", "2:3", "9:16", "9:21")
_PROMPT, _NEGATIVE, _SEED = Field("prompt"), Field("negative_prompt"), Field("seed")
_SIZE = Field("size", "aspect_ratio", ratio(_RATIOS))
_FORMAT = Field("output_format", turn=one_of(("png", "jpeg", "webp"), {"jpg": "jpeg"}))
_FORMAT_OF_SD3 = Field("output_format", turn=one_of(("png", "jpeg"), {"jpg": "jpeg", "webp": "png"}))
_FORMAT_WITH_ALPHA = Field("output_format", turn=one_of(("png", "webp"), {"jpeg": "png", "jpg": "png"}))
_WITHOUT_WORDS = (_FORMAT, Field("user", turn=_user), *TAKEN_FOR_GRANTED)
_COMMON = (_PROMPT, _NEGATIVE, _SEED, *_WITHOUT_WORDS)
_STYLED = (*_COMMON, STYLE)
# A strength of 1 keeps nothing of the picture: the other way round than `image_strength`.
_STRENGTH = Field("input_fidelity", "strength", one_of({"low": 0.65, "high": 0.3}))
_DEFAULT_STRENGTH = 0.65


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One address of v2beta, and what its form holds."""

    path: str
    fields: tuple[Field, ...]
    pictures: tuple[str, ...] = ("image",)
    least: int = 1
    masked: bool = False
    waits: bool = False
    always: Mapping[str, Any] = field(default_factory=dict)
    """What is said unless the caller says it."""


_INPAINT = Route(path="edit/inpaint", fields=_STYLED, masked=True)
_BACKGROUND_PROMPT = Field("prompt", "background_prompt")
_ROUTES = {
    "inpaint": _INPAINT,
    "erase": Route(path="edit/erase", fields=(_SEED, *_WITHOUT_WORDS), masked=True),
    "outpaint": Route(path="edit/outpaint", fields=(_PROMPT, _SEED, STYLE, *_WITHOUT_WORDS)),
    "search-and-replace": Route(path="edit/search-and-replace", fields=_STYLED),
    "search-and-recolor": Route(path="edit/search-and-recolor", fields=_STYLED),
    "remove-background": Route(
        path="edit/remove-background",
        fields=(*_WITHOUT_WORDS, _FORMAT_WITH_ALPHA, Field("background", turn=one_of({"transparent": OMITTED}))),
    ),
    "replace-background-and-relight": Route(
        path="edit/replace-background-and-relight",
        fields=(_BACKGROUND_PROMPT, _NEGATIVE, _SEED, *_WITHOUT_WORDS),
        pictures=("subject_image", "background_reference"),
        waits=True,
    ),
    "control-sketch": Route(path="control/sketch", fields=_COMMON),
    "control-structure": Route(path="control/structure", fields=_COMMON),
    "control-style": Route(
        path="control/style",
        fields=(*_COMMON, _SIZE, Field("input_fidelity", "fidelity", one_of({"low": OMITTED, "high": 0.8}))),
    ),
    "control-style-transfer": Route(
        path="control/style-transfer", fields=_COMMON, pictures=("init_image", "style_image"), least=2
    ),
    "upscale-fast": Route(path="upscale/fast", fields=_WITHOUT_WORDS),
    "upscale-conservative": Route(path="upscale/conservative", fields=_COMMON),
    "upscale-creative": Route(path="upscale/creative", fields=_COMMON, waits=True),
}


def route_of(request: ImageRequest, target: Target, name: str) -> Route | Failure:
    """Return the route that does what is asked, or the failure of what the model cannot do."""
    route = _ROUTES.get(name)
    if route is None and request.operation == "generate":
        return _painting(name)
    if request.operation == "vary" and (route is not None or name == "core"):
        return cannot(request, target)
    if route is None:
        masked = request.mask is not None or (name == "core" and mask_of(request) is not None)
        if not masked and name == "core":
            return unsupported(
                f"core of {target.provider} works on a picture only where a mask marks what to change:"
                " send one, or name another model, such as ultra or search-and-replace",
                "mask",
            )
        route = _INPAINT if masked else _repainting(name)  # without a file for the mask, the picture's alpha is it
    elif not route.masked and (refused := no_mask(request, target)):
        return refused
    least, most = route.least, len(route.pictures)
    if least <= len(request.images) <= most:
        return route
    wanted = "one picture" if most == 1 else f"{most} pictures" if least == most else f"{least} to {most} pictures"
    given = f"these are {len(request.images)}" if request.images else "and none was sent"
    return unsupported(f"{name} of {target.provider} works on {wanted}, {given}", "image")


def _painting(name: str) -> Route:
    """Return the route on which a model paints from words alone; a name that is none of ours is one of its own."""
    if not name.startswith("sd3"):
        return Route(path=f"generate/{name}", fields=(*_STYLED, _SIZE), pictures=(), least=0)
    fields = (*_STYLED, _SIZE, _FORMAT_OF_SD3)
    return Route(path="generate/sd3", fields=fields, pictures=(), least=0, always=_named(name))


def _repainting(name: str) -> Route:
    """Return the route on which a model changes the whole picture: it has no size of its own."""
    if not name.startswith("sd3"):
        return Route(path=f"generate/{name}", fields=(*_STYLED, _STRENGTH), always={"strength": _DEFAULT_STRENGTH})
    return Route(
        path="generate/sd3",
        fields=(*_STYLED, _STRENGTH, _FORMAT_OF_SD3),
        always={**_named(name), "mode": "image-to-image", "strength": _DEFAULT_STRENGTH},
    )


def _named(name: str) -> Mapping[str, Any]:
    """Return the model's name as the shared route takes it; without one it chooses itself."""
    return {} if name == "sd3" else {"model": name}
