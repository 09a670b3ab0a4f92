"""Parameters that no model could take: the wrong type, or no sense in them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from gateway.errors import GatewayError
from gateway.plain import either, plain
from gateway.shapes import LARGEST_EDGE, is_shape, parse_size
from schemas import load

_PARAMS: Mapping[str, Any] = load("image_request")["properties"]
_PROMPT_MAX: int = _PARAMS["prompt"]["maxLength"]
_RESPONSES = tuple(filter(None, _PARAMS["response_format"]["enum"]))
_NEARLY_A_SIZE = re.compile(r"\s*([0-9]+)\s*[xX×✕*]\s*([0-9]+)\s*(?:px)?\s*")


def malformed(params: Mapping[str, Any], *, needs_prompt: bool = True) -> GatewayError | None:
    """Return what is wrong with the parameters whatever model they are for, or `None`."""
    if needs_prompt and "prompt" not in params:
        return _invalid("prompt", "it is required, and says what to paint")
    for name, value in params.items():
        check = _CHECKS.get(name)
        if check is None:
            continue
        problem = check(value)
        if problem is not None:
            return _invalid(name, problem)
    return None


def _invalid(name: str, problem: str) -> GatewayError:
    return GatewayError(f"Invalid {name}: {problem}", code=f"invalid_{name}", param=name)


def _prompt(value: object) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return f"must be a text that says what to paint, not {_shown(value)}"
    if len(value) > _PROMPT_MAX:
        return f"must be at most {_PROMPT_MAX} characters, this one has {len(value)}"
    return None


def _size(value: object) -> str | None:
    if value == "auto" or is_shape(value):
        return None
    if isinstance(value, str) and (slip := _NEARLY_A_SIZE.fullmatch(value)):
        meant = f"{int(slip[1])}x{int(slip[2])}"
        if meant != value and parse_size(meant) is not None:
            return f"write {meant}, with the letter x between the numbers and nothing else"
    return (
        f"must be WIDTHxHEIGHT in pixels, such as 1024x1024, each at most {LARGEST_EDGE}, or auto;"
        " some models take a ratio such as 16:9, or a grade such as 2K"
    )


def _response_format(value: object) -> str | None:
    return None if value in _RESPONSES else f"must be {either(_RESPONSES)}, not {_shown(value)}"


def _text(value: object) -> str | None:
    if isinstance(value, str) and value:
        return None
    return f"must be a text, not {_shown(value)}"


def _switch(value: object) -> str | None:
    return None if isinstance(value, bool) else f"must be true or false, not {_shown(value)}"


def _integer(lowest: int, highest: int) -> Callable[[object], str | None]:
    def check(value: object) -> str | None:
        # `True` is an integer to Python, and 1.0 is a float to JSON: neither is a number of anything.
        if type(value) is int and lowest <= value <= highest:
            return None
        return f"must be an integer from {lowest} to {highest}, not {_shown(value)}"

    return check


def _shown(value: object) -> str:
    return f'"{plain(value)}"' if isinstance(value, str) else plain(value)


def _check_of(schema: Mapping[str, Any]) -> Callable[[object], str | None]:
    if "integer" in schema["type"]:
        return _integer(schema["minimum"], schema["maximum"])
    return _switch if "boolean" in schema["type"] else _text


_OWN = {"prompt": _prompt, "size": _size, "response_format": _response_format}
_CHECKS = {name: _OWN.get(name) or _check_of(schema) for name, schema in _PARAMS.items()}
