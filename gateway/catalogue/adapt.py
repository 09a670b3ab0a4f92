"""How a request is fitted to another model than the caller had in mind, and the list of what that changed."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.catalogue.models import CANONICAL, ModelRow
from gateway.catalogue.refuse import OPAQUE_FORMATS, said_aloud, unfit_input
from gateway.images import LEFT_OUT, Adaptation, ImageRequest
from gateway.plain import plain
from strategies import Cause, Failure

_SANDBOX = "sandbox"
_COMPRESSED_FORMATS = ("jpeg", "webp")
# Qualities by what they cost, across the models' vocabularies.
_RANKS: Final = {"low": 1, "medium": 2, "standard": 2, "high": 3, "hd": 3, "premium": 3, "xhigh": 4, "max": 5}
# What stands in for a format, the likest first; a picture that may be transparent stays so.
_FORMATS: Final = {
    "jpg": ("jpeg",),
    "jpeg": ("webp", "png"),
    "png": ("webp",),
    "webp": ("png", "jpeg"),
    "gif": ("png", "webp", "jpeg"),
    "svg": ("png", "webp", "jpeg"),
}


class _Dropped:
    """Stands for a value that the model has nothing like."""


_DROPPED: Final = _Dropped()
_SEEN_TO: Final = _Dropped()
"""Left out without a word: what it asks for is done anyway."""

_PICTURES = frozenset({"image", "mask"})
# Fan-out makes any number, delivery any form; whoever wants events is sent one when the pictures are there.
_HANDED_OVER = frozenset({"n", "response_format", "stream", *_PICTURES})


def inexpressible(row: ModelRow, request: ImageRequest) -> Failure | None:
    """Return the failure of what no change to the request could make the model do, or `None`."""
    params, operation = request.params, request.operation
    prompt = params.get("prompt")
    if row.prompt_max is not None and isinstance(prompt, str) and len(prompt) > row.prompt_max:
        long = f"{row.id} takes prompts of at most {row.prompt_max} characters, this one has {len(prompt)}"
        return _unsupported(long, "prompt")
    able, told, param = {
        "generate": (row.generate, "works on given pictures and paints no new ones: send `image`", "image"),
        "vary": (row.variation, "makes no variations of a picture", None),
        "edit": (row.edit, "paints new pictures and cannot work on a given one", "image"),
    }[operation]
    if not able:
        return _unsupported(f"{row.id} {told}", param)
    if "mask" in params and not row.mask:
        return _unsupported(f"{row.id} takes no mask, and would change the whole picture", "mask")
    problem = None if operation == "generate" else unfit_input(row, request)
    return None if problem is None else _unsupported(f"{row.id} cannot work on this picture: {problem}", "image")


def _unsupported(message: str, param: str | None) -> Failure:
    return Failure(cause=Cause.UNSUPPORTED, message=message, reached=False, param=param)


def fit(row: ModelRow, params: Mapping[str, Any], *, named: bool) -> tuple[dict[str, Any], tuple[Adaptation, ...]]:
    """Return the parameters as the model takes them, and every change that the caller would notice.

    Where the caller named the model, its limits have been checked, and only what says nothing is left out.
    """
    fitted: dict[str, Any] = {}
    changes: list[Adaptation] = []
    for name, value in params.items():
        if name == _SANDBOX:
            given = value if row.provider == _SANDBOX else _DROPPED
        elif name not in CANONICAL:
            given = value
        elif name in _HANDED_OVER or said_aloud(row, name, value):
            given = value if name in row.takes or name in _PICTURES else _SEEN_TO
        else:
            given = _fitted(row, name, value, named=named)
        if given is _SEEN_TO:
            continue
        if given is not _DROPPED:
            fitted[name] = given
        if given is not value:
            changes.append(Adaptation(name, plain(value), LEFT_OUT if given is _DROPPED else plain(given)))
    if not named:
        changes += _no_longer_fitting(fitted, changes)
    return fitted, tuple(changes)


def _fitted(row: ModelRow, name: str, value: Any, *, named: bool) -> Any:  # noqa: ANN401 - a parameter may be any JSON
    if name not in row.takes:
        return _DROPPED
    if named:
        return value
    if name == "size":
        return _size(row, value)
    allowed = row.choices.get(name)
    if allowed is None or value in allowed:
        return value
    return _translated(name, value, allowed)


def _translated(name: str, value: object, allowed: tuple[str, ...]) -> str | _Dropped:
    if name == "quality":
        return _quality(value, allowed)
    if name == "output_format":
        return next((known for known in _FORMATS.get(str(value), ()) if known in allowed), _DROPPED)
    return _DROPPED


def _size(row: ModelRow, value: Any) -> Any:  # noqa: ANN401
    if row.sizes is None or not isinstance(value, str):
        return _DROPPED
    if row.sizes.accepts(value):
        return value
    found = row.sizes.nearest(value)
    return _DROPPED if found is None else found


def _quality(value: object, allowed: tuple[str, ...]) -> str | _Dropped:
    rank = _RANKS.get(value) if isinstance(value, str) else None
    ranked = [(abs(_RANKS[name] - rank), _RANKS[name], name) for name in allowed if name in _RANKS and rank is not None]
    # Of two that are equally near, the cheaper.
    return min(ranked)[2] if ranked else _DROPPED


def _no_longer_fitting(fitted: dict[str, Any], changes: list[Adaptation]) -> list[Adaptation]:
    """Drop what made sense only with an output format that was changed."""
    dropped = []
    container = fitted.get("output_format", "png")
    reformatted = any(change.param == "output_format" for change in changes)
    if reformatted and container not in _COMPRESSED_FORMATS and "output_compression" in fitted:
        dropped.append("output_compression")
    if fitted.get("background") == "transparent" and container in OPAQUE_FORMATS:
        dropped.append("background")
    return [Adaptation(name, plain(fitted.pop(name)), LEFT_OUT) for name in dropped]
