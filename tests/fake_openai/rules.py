"""What each of OpenAI's models takes: names and values of every parameter, for each of the three endpoints."""

import re
from collections.abc import Mapping
from typing import Any

from tests.fake_openai.wrong import Wrong, unknown

Params = Mapping[str, Any]

_COMMON = frozenset({"model", "prompt", "n", "size", "user"})
_STREAMED = frozenset({"stream", "partial_images"})
_GPT = _COMMON | _STREAMED | {"quality", "background", "moderation", "output_format", "output_compression"}
_KNOWN = {
    ("generations", "dall-e-2"): _COMMON | {"quality", "response_format"},
    ("generations", "dall-e-3"): _COMMON | {"quality", "response_format", "style"},
    ("edits", "dall-e-2"): _COMMON | {"quality", "response_format"},
    ("variations", "dall-e-2"): _COMMON - {"prompt"} | {"response_format"},
}
"""Of the GPT image models generations and edits take the same; variations are dall-e-2's alone."""

_FAITHFUL = frozenset({"gpt-image-1", "gpt-image-1.5", "chatgpt-image-latest"})
"""Have an `input_fidelity`."""
_OPAQUE = re.compile(r"gpt-image-2(\D|$)")
"""Have no transparent background."""
_FREELY_SIZED = re.compile(r"gpt-image-2(\D|$)")

_SIZES = {
    "dall-e-2": {"256x256", "512x512", "1024x1024"},
    "dall-e-3": {"1024x1024", "1792x1024", "1024x1792"},
    "gpt-image": {"auto", "1024x1024", "1536x1024", "1024x1536"},
}
_QUALITIES = {
    "dall-e-2": {"standard"},
    "dall-e-3": {"standard", "hd"},
    "gpt-image": {"auto", "low", "medium", "high"},
    "gpt-image-2.": {"auto", "low", "medium", "high", "xhigh", "max"},
}
_CHOICES = {
    "background": {"auto", "transparent", "opaque"},
    "moderation": {"auto", "low"},
    "output_format": {"png", "jpeg", "webp"},
    "input_fidelity": {"low", "high"},
    "response_format": {"url", "b64_json"},
    "style": {"vivid", "natural"},
    "stream": {True, False},
}
_RANGES = {"n": range(1, 11), "partial_images": range(4), "output_compression": range(101)}
_PROMPT_MAX = {"dall-e-2": 1000, "dall-e-3": 4000, "gpt-image": 32000}
_SIZE = re.compile(r"[1-9]\d{1,3}x[1-9]\d{1,3}", re.ASCII)


def is_dall_e(model: str) -> bool:
    return model in ("dall-e-2", "dall-e-3")


def check(endpoint: str, params: Params, *, default_model: str = "dall-e-2") -> None:
    """Refuse what the API refuses; of a model that does not exist, only the names and types are looked at."""
    model = params.get("model", default_model)
    if endpoint != "generations" and model == "dall-e-3":
        raise Wrong("Invalid value: 'dall-e-3'. Value must be 'dall-e-2'.", "model")
    if endpoint == "variations" and model != "dall-e-2":
        raise Wrong(f"Invalid value: '{model}'. Value must be 'dall-e-2'.", "model")
    if endpoint != "variations" and not isinstance(params.get("prompt"), str):
        raise Wrong("Missing required parameter: 'prompt'.", "prompt", "missing_required_parameter")
    known = _KNOWN.get((endpoint, model), _GPT)
    if endpoint == "edits" and (model in _FAITHFUL or not _is_known(model)):
        known |= {"input_fidelity"}
    for name in sorted(params.keys() - known):
        raise unknown(name)
    for name, value in params.items():
        _check_value(model, name, value)
    _check_together(model, params)


def _is_known(model: str) -> bool:
    return is_dall_e(model) or model.startswith(("gpt-image-", "chatgpt-image-"))


def _check_value(model: str, name: str, value: object) -> None:
    if name in _RANGES and (type(value) is not int or value not in _RANGES[name]):
        raise Wrong(f"Invalid '{name}': {value!r}.", name)
    allowed = _CHOICES.get(name)
    if allowed is not None and (value not in allowed or isinstance(value, bool) != (name == "stream")):
        raise Wrong(f"Invalid value: {value!r}. Supported values are: {sorted(allowed)}.", name)
    if name in ("user", "prompt", "model", "size", "quality") and not isinstance(value, str):
        raise Wrong(f"Invalid type for '{name}': expected a string.", name, "invalid_type")
    if not _is_known(model):
        return
    if name == "prompt" and not 0 < len(str(value)) <= _of_family(_PROMPT_MAX, model):
        raise Wrong("Invalid 'prompt': string too long, or empty.", name, "string_above_max_length")
    if name == "quality" and value not in _of_family(_QUALITIES, model):
        raise Wrong(f"Invalid value: '{value}'.", name)
    if name == "size" and not _is_size(model, str(value)):
        raise Wrong(f"Invalid value: '{value}'.", name, "invalid_size" if model == "dall-e-3" else "invalid_value")


def _check_together(model: str, params: Params) -> None:
    if model == "dall-e-3" and params.get("n", 1) != 1:
        raise Wrong("Invalid value: 'n' must be 1 for this model.", "n")
    output_format = params.get("output_format", "png")
    if output_format == "png" and params.get("output_compression", 100) != 100:
        raise Wrong("Compression less than 100 is not supported for PNG output format", "output_compression")
    if params.get("background") != "transparent":
        return
    if output_format == "jpeg":
        raise Wrong("Transparent background is not supported for JPEG output format", "background")
    if _OPAQUE.match(model):
        raise Wrong(
            "Transparent background is not supported for this model.",
            "background",
            type_="image_generation_user_error",
        )


def _is_size(model: str, size: str) -> bool:
    if size == "auto" or not _FREELY_SIZED.match(model):
        return size in _of_family(_SIZES, model)
    if not _SIZE.fullmatch(size):
        return False
    width, height = map(int, size.split("x"))
    return (
        width % 16 == height % 16 == 0
        and max(width, height) <= 3840
        and max(width, height) <= 3 * min(width, height)
        and 655_360 <= width * height <= 8_294_400
    )


def _of_family(table: Mapping[str, Any], model: str) -> Any:
    """Return the row of the longest name that the model's begins with."""
    found = [name for name in table if model.startswith(name)]
    return table[max(found, key=len)] if found else table["gpt-image"]
