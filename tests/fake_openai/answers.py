"""What OpenAI answers: pictures in one body, or one by one as server-sent events."""

import base64
import functools
import io
import json
from collections.abc import Iterator
from typing import Any

from PIL import Image

from tests.fake_openai.rules import Params, is_dall_e

CREATED = 1763600000

_TOKENS, _PARTIAL_TOKENS = 272, 100
_KINDS = {"generations": "image_generation", "edits": "image_edit"}


@functools.lru_cache
def painted(width: int, height: int, container: str = "PNG", shade: int = 160) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (90, 60, shade)).save(buffer, container)
    return buffer.getvalue()


def body(endpoint: str, model: str, params: Params, pictures: str) -> dict[str, Any]:
    """Return the whole answer; `pictures` is the address below which pictures can be fetched."""
    width, height = _size(params)
    item: dict[str, Any] = {"b64_json": _base64(params)}
    if is_dall_e(model) and params.get("response_format", "url") == "url":
        item = {"url": f"{pictures}/{width}x{height}.png"}
    if model == "dall-e-3":
        item["revised_prompt"] = f"{params['prompt']}, in full detail"
    answer: dict[str, Any] = {"created": CREATED, "data": [item] * params.get("n", 1)}
    if not is_dall_e(model):
        answer |= {**_about(params), "usage": _usage(endpoint, params)}
    return answer


def events(endpoint: str, params: Params) -> Iterator[bytes]:
    """Yield the events of a stream: the partial pictures, each a shade lighter, and the whole one."""
    kind, about = _KINDS[endpoint], {"created_at": CREATED, **_about(params)}
    partials = params.get("partial_images", 0)
    for index in range(partials):
        partial = {"b64_json": _base64(params, shade=200 + index), "partial_image_index": index}
        yield event(f"{kind}.partial_image", {**partial, **about})
    for _ in range(params.get("n", 1)):
        usage = _usage(endpoint, params, partials)
        yield event(f"{kind}.completed", {"b64_json": _base64(params), **about, "usage": usage})


def event(kind: str, payload: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **payload}, separators=(',', ':'))}\n\n".encode()


def _base64(params: Params, shade: int = 160) -> str:
    container = params.get("output_format", "png").upper()
    return base64.b64encode(painted(*_size(params), container, shade)).decode()


def _size(params: Params) -> tuple[int, int]:
    size = params.get("size", "auto")
    width, height = (size if size != "auto" else "1024x1024").split("x")
    return int(width), int(height)


def _about(params: Params) -> dict[str, str]:
    """Return what was painted: nothing in it is `auto` any more."""
    width, height = _size(params)
    chosen = {"background": "opaque", "quality": "high"}
    about = {name: params.get(name, "auto") for name in chosen}
    about = {name: chosen[name] if word == "auto" else word for name, word in about.items()}
    return {**about, "output_format": params.get("output_format", "png"), "size": f"{width}x{height}"}


def _usage(endpoint: str, params: Params, partials: int = 0) -> dict[str, Any]:
    pictures = 0 if endpoint == "generations" else 323
    output = _TOKENS + _PARTIAL_TOKENS * partials
    return {
        "input_tokens": 10 + pictures,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": pictures},
        "output_tokens": output,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": output},
        "total_tokens": 10 + pictures + output,
    }
