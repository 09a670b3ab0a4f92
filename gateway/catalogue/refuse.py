"""What the model that the caller named does not take, found before anything is spent."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.catalogue.models import CANONICAL, ModelRow
from gateway.catalogue.words import either
from gateway.errors import GatewayError

OPAQUE_FORMATS = ("jpeg",)
"""The formats that cannot hold a transparent background."""


def refusal(row: ModelRow, params: Mapping[str, Any]) -> GatewayError | None:
    """Return which limit of its model the request breaks, or `None`."""
    for name, value in params.items():
        if name not in CANONICAL:
            continue
        problem = _problem(row, name, value)
        if problem is not None:
            return GatewayError(f"Invalid {name} for {row.id}: {problem}", code=f"invalid_{name}", param=name)
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
    if name in row.takes:
        return False
    if name == "response_format":
        return value == row.native
    return (name == "stream" and value is False) or (name == "partial_images" and value == 0)


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


def _response_format(row: ModelRow, value: object) -> str | None:
    if value in row.responses:
        return None
    if row.responses == ("b64_json",):
        return "must be b64_json; this model answers with the picture itself, and links to it are not made here yet"
    return f"must be {either(row.responses)}"


_CHECKS: Mapping[str, Callable[[ModelRow, object], str | None]] = {
    "prompt": _prompt,
    "n": _n,
    "size": _size,
    "response_format": _response_format,
}
