"""Automatic1111, Forge, SD.Next and stable-diffusion.cpp: the `/sdapi` that each operator runs at their own."""

import base64
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.dialect.address import nowhere
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.encode import OMITTED, Encoded, Field, edges, encode, one_of
from gateway.dialect.errors import failure_from
from gateway.dialect.unable import unsupported
from gateway.images import Embedded, ImageRequest, Upload
from gateway.wire import Adapter, Flow, Outcome, ProviderFields, Received, Send, Target, send

_SUCCESS = range(200, 300)
_FIELDS = (
    Field("prompt"),
    Field("negative_prompt"),
    Field("seed"),
    Field("n", "batch_size"),
    Field("size", ("width", "height"), edges),
    Field("output_format", turn=one_of({"png": OMITTED})),
)
# Names for whatever checkpoint the server has loaded.
_LOADED = frozenset({"automatic1111", "sd-cpp-local"})
_SETTINGS = "override_settings"
_GRID = 8
_LEAST_EDGE, _MOST_EDGE = 64, 2048


def _flow(request: ImageRequest, target: Target) -> Flow:
    images = request.images
    if len(images) > 1:
        return unsupported(f"{target.provider} works on one picture at a time", "image")
    if request.operation != "generate" and not images:
        return unsupported(f"{target.provider} needs the picture to work on", "image")
    encoded = encode(_FIELDS, request.params)
    body = _with_checkpoint(encoded, request.model)
    if images:
        body = {**_size_of(images[0], body), **body, "init_images": [Embedded(upload=images[0])]}
        if request.mask is not None:
            body["mask"] = Embedded(upload=request.mask, mask="white")
    path = "/sdapi/v1/img2img" if images else "/sdapi/v1/txt2img"
    received = yield from send(Send("POST", path, json=body))
    return adapted(_understood(received, target.provider, _count(body)), encoded.adaptations)


def _with_checkpoint(encoded: Encoded, model: str | None) -> dict[str, Any]:
    if model is None or model in _LOADED:
        return encoded.body
    settings = encoded.body.get(_SETTINGS)
    own = settings if isinstance(settings, dict) else {}
    return {**encoded.body, _SETTINGS: {"sd_model_checkpoint": model, **own}}


def _size_of(image: Upload, body: Mapping[str, Any]) -> dict[str, int]:
    """Return the given picture's size, as near as the server paints it: left out, it would be pressed into a square."""
    if "width" in body or "height" in body or "scale_by" in body:
        return {}
    scale = min(1.0, _MOST_EDGE / max(image.width, image.height, 1))
    width, height = (max(_LEAST_EDGE, round(edge * scale / _GRID) * _GRID) for edge in (image.width, image.height))
    return {"width": width, "height": height}


def _count(body: Mapping[str, Any]) -> int | None:
    """Return how many pictures were asked for, where that can be told."""
    numbers = [body.get(name, 1) for name in ("batch_size", "n_iter")]
    return numbers[0] * numbers[1] if all(type(number) is int for number in numbers) else None


def _understood(received: Received, provider: str, count: int | None) -> Outcome:
    if received.status not in _SUCCESS:
        return failure_from(received, provider)
    match received.json():
        case {"images": [*images]} as answer:
            # A sheet of all pictures may come before them, and the sketches of extensions behind them.
            first = _first_of(answer.get("info"))
            wanted = images[first : None if count is None else first + count]
            return reply_of([picture_of(image) for image in wanted or images], provider)
        case _:
            return unreadable(received, provider)


def _first_of(info: Any) -> int:  # noqa: ANN401 - the JSON boundary
    """Return the place of the first picture, which is told in JSON inside the JSON."""
    try:
        match orjson.loads(info) if isinstance(info, str) else info:
            case {"index_of_first_image": int(first)} if first > 0:
                return first
    except orjson.JSONDecodeError:
        pass  # stable-diffusion.cpp has nothing to tell
    return 0


def _authorize(target: Target) -> Mapping[str, str]:
    key = target.credentials.get("api_key")
    if key is None:
        return {}
    text = key.reveal()
    if ":" in text:  # user and password, as the server itself wants them; anything else is for a proxy before it
        return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}
    return {"Authorization": f"Bearer {text}"}


ADAPTERS = (
    Adapter(
        name="automatic1111",
        base_url=nowhere,
        authorize=_authorize,
        flow=_flow,
        fields=ProviderFields(needs_credential=False, has_own_host=False),
        n_max=8,
    ),
)
