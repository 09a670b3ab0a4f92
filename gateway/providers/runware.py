"""Runware: a list of one task, answered at once or, where the caller wants it so, on being asked again."""

import uuid
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.encode import Adapted, Field, edges, encode, one_of
from gateway.dialect.errors import Codes, failure_from, failure_inside
from gateway.dialect.polling import poll
from gateway.dialect.unable import cannot, unsupported
from gateway.images import Embedded, ImageRequest, Picture
from gateway.wire import Adapter, Draw, Flow, Outcome, Received, Send, Target, draw, send
from strategies import Failure

_SUCCESS = range(200, 300)
_QUALITY = (20, 99)


def _quality(value: Any) -> Any:  # noqa: ANN401 - what a turn takes and returns
    least, most = _QUALITY
    if not isinstance(value, int) or least <= value <= most:
        return value
    return Adapted(min(max(value, least), most))


_FIELDS = (
    Field("prompt", "positivePrompt"),
    Field("negative_prompt", "negativePrompt"),
    Field("n", "numberResults"),
    Field("seed"),
    Field("size", ("width", "height"), edges),
    Field("response_format", "outputType", one_of({"url": "URL", "b64_json": "base64Data"})),
    Field("output_format", "outputFormat", one_of({"jpeg": "JPG", "png": "PNG", "webp": "WEBP", "svg": "SVG"})),
    Field("output_compression", "outputQuality", _quality),
)
# Models that repaint a picture; the others take pictures as references to look at.
_REPAINTING = ("civitai:", "runware:100@", "runware:101@", "runware:102@", "bfl:1@")
_CODES = Codes(
    policy=frozenset({"invalidProviderContent", "contentPolicyViolation", "contentModeration"}),
    exhausted=frozenset({"invalidApiKey", "missingApiKey", "insufficientCredits"}),
    rate_limited=frozenset({"rateLimitExceeded", "concurrencyLimitExceeded"}),
    provider_error=frozenset({"timeoutProvider", "providerError", "internalError"}),
)


def _flow(request: ImageRequest, target: Target) -> Flow:
    model = request.model
    if request.operation == "vary":
        return cannot(request, target)
    if not model:
        return unsupported(f"{target.provider} needs a model: name one, such as runware:101@1", "model")
    encoded = encode(_FIELDS, request.params)
    pictures = _pictures(request, model)
    if isinstance(pictures, Failure):
        return pictures
    number = yield from _uuid()
    task = {"taskType": "imageInference", "taskUUID": number, "model": model, "includeCost": True}
    received = yield from send(Send("POST", "", json=[{**task, **encoded.body, **pictures}]))
    if received.status not in _SUCCESS:
        return failure_from(received, target.provider, _CODES)
    outcome = _understood(received, target.provider, number)
    if outcome is None:
        outcome = yield from poll(
            Send("POST", "", json=[{"taskType": "getResponse", "taskUUID": number}]),
            lambda answer: _understood(answer, target.provider, number),
            provider=target.provider,
            seconds=1.0,
            slowest=2.0,
            codes=_CODES,
        )
    return adapted(outcome, encoded.adaptations)


def _uuid() -> Generator[Draw, float, str]:
    """Return a name for the task, which no other task may have."""
    bits = 0
    for width in (48, 48, 32):
        number = yield from draw()
        bits = bits << width | int(number * (1 << width))
    return str(uuid.UUID(int=bits, version=4))


def _pictures(request: ImageRequest, model: str) -> Mapping[str, Any] | Failure:
    uploads = [Embedded(upload=upload, form="data_url") for upload in request.images]
    if not uploads:
        return {}
    if request.mask is None and "strength" not in request.params and not model.startswith(_REPAINTING):
        return {"referenceImages": uploads}
    if len(uploads) > 1:
        return unsupported(f"{model} repaints one picture", "image")
    if request.mask is None:
        return {"seedImage": uploads[0]}
    return {"seedImage": uploads[0], "maskImage": Embedded(upload=request.mask, form="data_url", mask="white")}


def _understood(received: Received, provider: str, number: str) -> Outcome | None:
    """Return what became of the task, or `None` where it still runs."""
    match received.json():
        case dict(body):
            data, errors = body.get("data"), body.get("errors")
        case _:
            return unreadable(received, provider, _CODES)
    items = [item for item in _objects(data) if item.get("taskUUID") in (number, None)]
    flagged = any(item.get("NSFWContent") is True for item in items)
    pictures = [picture for item in items if (picture := _picture(item)) is not None]
    problems = [error for error in _objects(errors) if error.get("taskUUID") in (number, None)]
    problems += [item for item in items if item.get("status") == "error"]
    if problems and not pictures and not flagged:
        return failure_inside(received, {"errors": problems}, provider, _CODES)
    if not pictures and any(item.get("status") == "processing" for item in items):
        return None
    if not isinstance(data, list):
        return unreadable(received, provider, _CODES)
    if not pictures and items and not flagged and all(item.keys() <= {"taskType", "taskUUID"} for item in items):
        return None  # taken on: the acknowledgement of a task that was sent with `deliveryMethod: async`
    return reply_of(pictures, provider, withheld=flagged, cost_usd=_cost(items))


def _objects(value: Any) -> Sequence[Mapping[str, Any]]:  # noqa: ANN401 - the JSON boundary
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else ()


def _picture(item: Mapping[str, Any]) -> Picture | None:
    """Return an item's picture, unless it was flagged; flags come where the caller asked for the check."""
    if item.get("NSFWContent") is True:
        return None
    found = (picture_of(item.get(name)) for name in ("imageURL", "imageBase64Data", "imageDataURI"))
    return next((picture for picture in found if picture is not None), None)


def _cost(items: Sequence[Mapping[str, Any]]) -> float | None:
    costs = [cost for item in items if isinstance(cost := item.get("cost"), int | float)]
    return round(sum(costs), 10) if costs and len(costs) == len(items) else None


ADAPTERS = (
    Adapter(
        name="runware",
        base_url=at("https://api.runware.ai/v1"),
        authorize=key_in(),
        flow=_flow,
        n_max=20,
    ),
)
