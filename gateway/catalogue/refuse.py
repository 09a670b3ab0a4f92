"""What the model that the caller named does not take, found before anything is spent."""

from collections.abc import Callable, Mapping

from gateway.catalogue.models import CANONICAL, ModelRow
from gateway.errors import GatewayError
from gateway.images import ImageRequest
from gateway.plain import either

OPAQUE_FORMATS = ("jpeg",)
"""The formats that cannot hold a transparent background."""

# Any form can be delivered and any answer be told as an event; what a model cannot do at all is `inexpressible`.
_JUDGED_ELSEWHERE = frozenset({"response_format", "stream", "partial_images", "image", "mask"})


def refusal(row: ModelRow, request: ImageRequest, *, fan_out: bool = False) -> GatewayError | None:
    """Return which limit of its model the request breaks, or `None`; `fan_out` lifts the number of pictures."""
    params = request.params
    for name, value in params.items():
        if name not in CANONICAL or name in _JUDGED_ELSEWHERE or (name == "n" and fan_out):
            continue
        problem = _problem(row, name, value)
        if problem is not None:
            return GatewayError(f"Invalid {name} for {row.id}: {problem}", code=f"invalid_{name}", param=name)
    unfit = unfit_input(row, request) if request.operation != "generate" else None
    if unfit is not None:
        return GatewayError(f"Invalid image for {row.id}: {unfit}", code="invalid_image", param="image")
    container = params.get("output_format")
    if container in OPAQUE_FORMATS and params.get("background") == "transparent":
        return GatewayError(
            f"Invalid background for {row.id}: transparent needs output_format png or webp, not {container}",
            code="invalid_background",
            param="background",
        )
    return None


def said_aloud(row: ModelRow, name: str, value: object) -> bool:
    """Whether a parameter that the model does not have asks for just what the model does without it."""
    return name == "partial_images" and name not in row.takes and value == 0


def unfit_input(row: ModelRow, request: ImageRequest) -> str | None:
    """Return what the model cannot take of the pictures to work on, or `None`."""
    limits, images = row.input, request.images
    if limits is None:
        return None
    if len(images) > limits.images_max:
        return f"it takes {limits.images_max} at most, these are {len(images)}"
    for upload in images:
        if upload.format not in limits.formats:
            return f"it takes {either(limits.formats)}, this one is {upload.format}"
        if upload.content.size > limits.bytes_max:
            return f"it takes {limits.bytes_max} bytes at most, this one has {upload.content.size}"
        if limits.square and upload.width != upload.height:
            return f"it takes square pictures, this one is {upload.width}x{upload.height}"
    return None


def _problem(row: ModelRow, name: str, value: object) -> str | None:
    check = _CHECKS.get(name)
    if check is not None:
        return check(row, value)
    if name not in row.takes:
        return None if said_aloud(row, name, value) else "the model has no such parameter; leave it out"
    if name in row.choices and value not in row.choices[name]:
        return f"must be {either(row.choices[name])}"
    return None


def _prompt(row: ModelRow, value: object) -> str | None:
    if row.prompt_max is None or not isinstance(value, str) or len(value) <= row.prompt_max:
        return None
    return f"must be at most {row.prompt_max} characters, this one has {len(value)}"


def _n(row: ModelRow, value: object) -> str | None:
    if type(value) is int and value <= row.n_max:
        return None
    return f"must be {'1' if row.n_max == 1 else f'from 1 to {row.n_max}'}"


def _size(row: ModelRow, value: object) -> str | None:
    if row.sizes is None:
        return "the model does not let one choose the size; leave it out"
    if isinstance(value, str) and row.sizes.accepts(value):
        return None
    return f"must be {row.sizes.described()}"


_CHECKS: Mapping[str, Callable[[ModelRow, object], str | None]] = {
    "prompt": _prompt,
    "n": _n,
    "size": _size,
}
