"""A request in OpenAI's words: JSON for new pictures, a multipart form where pictures go along."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.images import Embedded, ImageRequest
from gateway.wire import FormField, Send


def sending(path: str, request: ImageRequest, params: Mapping[str, Any] | None = None) -> Send:
    """Return the request; `params` say it in the words of a provider that has others."""
    params = request.params if params is None else params
    streams = params.get("stream") is True
    if request.operation == "generate":
        return Send("POST", path, json=params, streams=streams)
    return Send("POST", path, form=form_of(request, params), streams=streams)


def form_of(
    request: ImageRequest, params: Mapping[str, Any], *, image: str = "image", images: str = "image[]"
) -> tuple[FormField, ...]:
    """Return the form of an edit or a variation; `image` and `images` name one picture and each of several."""
    uploads = request.images
    name = image if len(uploads) == 1 else images
    fields = [FormField(name, Embedded(upload=upload, form="bytes")) for upload in uploads]
    if request.mask is not None:
        fields.append(FormField("mask", Embedded(upload=request.mask, form="bytes")))
    fields += [FormField(key, text_of(value)) for key, value in params.items() if key not in ("image", "mask")]
    return tuple(fields)


def text_of(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a value as a form holds it."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
