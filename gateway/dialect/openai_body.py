"""A request in OpenAI's words: JSON for new pictures, a multipart form where pictures go along."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.dialect.encode import Bent, Encoded, Unbending, without
from gateway.images import Adaptation, Embedded, ImageRequest
from gateway.plain import plain
from gateway.wire import FormField, Send


class TypedObject(dict[str, Any]):
    """A JSON object from a field of a form, which goes out as it was typed where a form goes out."""

    text: str = ""


class TypedList(list[Any]):
    """A JSON list from a field of a form, likewise."""

    text: str = ""


def spoken(request: ImageRequest, *, one_form: bool) -> Encoded:
    """Return the parameters as OpenAI takes them.

    `one_form` says that the model answers in base64 alone: then `response_format` is refused, and seen to by delivery.
    """
    params = without(request.params, {"response_format"}) if one_form else request.params
    if request.operation == "generate" or "moderation" not in params:
        return Encoded(dict(params), ())
    moderation = params["moderation"]
    change = Adaptation("moderation", plain(moderation), "dropped")
    changes = () if moderation == "auto" else (change,)
    if changes and isinstance(params, Unbending):
        raise Bent(changes)
    return Encoded(without(params, {"moderation"}), changes)


def sending(path: str, request: ImageRequest, params: Mapping[str, Any]) -> Send:
    """Return the request that says the parameters."""
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
    if isinstance(value, TypedObject | TypedList):
        return value.text
    return value if isinstance(value, str) else orjson.dumps(value).decode()
