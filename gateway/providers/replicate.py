"""Replicate: create a prediction of a model, a version or a deployment, and ask until it has ended."""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, unreadable
from gateway.dialect.encode import encode
from gateway.dialect.errors import failure_from
from gateway.dialect.many_models import family, is_link, is_name, pictures, unnamed
from gateway.dialect.polling import poll
from gateway.dialect.predictions import FAMILIES, creation, understood
from gateway.dialect.unable import cannot
from gateway.images import Embedded, ImageRequest
from gateway.wire import Adapter, Flow, FormField, Received, Send, Target, send
from strategies import Failure

_SUCCESS = range(200, 300)
_MOST_INLINE = 190_000
"""Bytes that a data URL may hold by Replicate's advice: 256 kB, a third of which are base64's own."""


def _flow(request: ImageRequest, target: Target) -> Flow:
    model = request.model or ""
    created_at = creation(model)
    if created_at is None:
        return unnamed(request, target, "black-forest-labs/flux-schnell")
    if request.operation == "vary":
        return cannot(request, target)
    path, beside = created_at
    inputs = family(model, FAMILIES)
    given = pictures(request, target, inputs)
    if isinstance(given, Failure):
        return given
    encoded = encode(inputs.fields_for(request.params), request.params)
    given = yield from _uploaded(given, target)
    if isinstance(given, Failure):
        return given
    created = yield from send(Send("POST", path, json={**beside, "input": {**encoded.body, **given}}))
    if created.status not in _SUCCESS:
        return failure_from(created, target.provider)
    outcome = understood(created, target.provider)
    if outcome is None:
        address = _address(created)
        if address is None:
            return unreadable(created, target.provider)
        outcome = yield from poll(
            Send("GET", address),
            lambda received: understood(received, target.provider),
            provider=target.provider,
            seconds=0.5,
            slowest=1.0,
        )
    return adapted(outcome, encoded.adaptations)


def _address(created: Received) -> str | None:
    match created.json():
        case {"urls": {"get": str(address)}} if is_link(address):
            return address
        case {"id": str(name)} if is_name(name):
            return f"/predictions/{name}"
    return None


def _uploaded(given: dict[str, Any], target: Target) -> Generator[Send, Any, dict[str, Any] | Failure]:
    """Hand in the pictures that are too large to go along, and return where they are."""
    placed: dict[str, Any] = {}
    for name, value in given.items():
        several = value if isinstance(value, list) else [value]
        found: list[Any] = []
        for picture in several:
            place = picture if _is_small(picture) else (yield from _upload(picture, target))
            if isinstance(place, Failure):
                return place
            found.append(place)
        placed[name] = found if isinstance(value, list) else found[0]
    return placed


def _is_small(picture: Embedded) -> bool:
    return picture.upload.content.size <= _MOST_INLINE


def _upload(picture: Embedded, target: Target) -> Generator[Send, Any, str | Failure]:
    content = Embedded(upload=picture.upload, form="bytes", mask=picture.mask)
    received = yield from send(Send("POST", "/files", form=(FormField("content", content),), free=True))
    if received.status not in _SUCCESS:
        return replace(failure_from(received, target.provider), may_be_billed=False)
    match received.json():
        case {"urls": {"get": str(address)}}:
            return address
        case _:
            return replace(unreadable(received, target.provider), may_be_billed=False)


ADAPTERS = (
    Adapter(
        name="replicate",
        base_url=at("https://api.replicate.com/v1"),
        authorize=key_in(),
        flow=_flow,
        n_max=1,
    ),
)
