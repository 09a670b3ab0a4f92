"""A request in Midjourney's words: a prompt with flags behind it."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.dialect.encode import DROPPED, OMITTED, Bent, Field, Unbending, encode, one_of
from gateway.images import Adaptation, ImageRequest
from gateway.shapes import parse_size

_FLAGS = {
    "size": ("ar", "aspect"),
    "quality": ("q", "quality"),
    "style": ("style",),
    "seed": ("seed", "sameseed"),
    "negative_prompt": ("no",),
}
_VERSIONS = ("v", "version", "niji")
_QUALITIES = one_of(
    {"low": ".5", "medium": "1", "high": "2"},
    {"standard": "medium", "hd": "high", "xhigh": "high", "max": "high"},
)
_SEEDS = range(1 << 32)
_RATIO = re.compile(r"([1-9][0-9]{0,2}):([1-9][0-9]{0,2})")
_MODEL = re.compile(r"(?:midjourney|mj)?(?P<niji>-?niji)?(?:-?v?(?P<version>[0-9]{1,2}(?:\.[0-9]{1,2})?))?", re.ASCII)
# What relays call the operation by.
_PLAIN = frozenset({"midjourney", "mj", "mj_imagine", "mj-imagine"})


@dataclass(frozen=True, slots=True)
class Worded:
    """A prompt with its flags, what could not be said by one, and parameters that are the proxy's own."""

    prompt: str
    others: Mapping[str, Any]
    adaptations: tuple[Adaptation, ...]


def worded(request: ImageRequest) -> Worded | str:
    """Return the request as a prompt, or what is wrong with the name of its model."""
    version = _version(request.model)
    if version is None:
        return f"midjourney has no model {request.model!r}: name midjourney, midjourney-7 or niji-6"
    prompt = str(request.params["prompt"])
    rows = [Field("prompt"), *(_row(name, prompt) for name in _FLAGS)]
    encoded = encode(rows, request.params)
    body = dict(encoded.body)
    flags = body.pop(_PLACE, {})
    body.pop("prompt")
    if not _has(prompt, _VERSIONS):
        flags |= version
    text = " ".join([prompt, *(f"--{name} {value}" for name, value in flags.items())])
    taken = (Adaptation("image", "edit", "image prompt"),) if request.images else ()
    if taken and isinstance(request.params, Unbending):
        raise Bent(taken)
    return Worded(text, body, (*encoded.adaptations, *taken))


_PLACE = " flags"
"""Where flags are kept among the body's fields: no parameter has such a name."""


def _row(name: str, prompt: str) -> Field:
    """Return the row of one flag; the prompt's own comes before the parameter."""
    said = _has(prompt, _FLAGS[name])
    return Field(name, f"{_PLACE}.{_FLAGS[name][0]}", (lambda _value: DROPPED) if said else _TURNS[name])


def _has(prompt: str, flags: tuple[str, ...]) -> bool:
    words = prompt.replace("\u2014", "--").split()  # a telephone writes a dash for two hyphens
    return any(f"--{flag}" in words for flag in flags)


def _aspect(value: Any) -> Any:  # noqa: ANN401
    if value == "auto":
        return OMITTED
    size = parse_size(value)
    if size is not None:
        common = math.gcd(*size)
        return f"{size[0] // common}:{size[1] // common}"
    return value if isinstance(value, str) and _RATIO.fullmatch(value) else DROPPED


def _seed(value: Any) -> Any:  # noqa: ANN401
    return value if type(value) is int and value in _SEEDS else DROPPED


def _no(value: Any) -> Any:  # noqa: ANN401
    return " ".join(value.split()) or OMITTED if isinstance(value, str) else DROPPED


_TURNS: Mapping[str, Callable[[Any], Any]] = {
    "size": _aspect,
    "quality": _QUALITIES,
    "style": one_of({"natural": "raw", "raw": "raw"}),
    "seed": _seed,
    "negative_prompt": _no,
}


def _version(model: str | None) -> dict[str, str] | None:
    """Return the flag that a model's name stands for, if any; `None` for a name that is not Midjourney's."""
    if model is None or model.lower() in _PLAIN:
        return {}
    found = _MODEL.fullmatch(model.lower())
    if found is None or (found["niji"] is None and found["version"] is None):
        return None
    if found["niji"] is None:
        return {"v": found["version"]}
    return {"niji": found["version"]} if found["version"] else {"niji": "6"}
