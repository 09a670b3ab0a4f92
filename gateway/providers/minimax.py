"""MiniMax: one call, JSON both ways, and errors that come as a code in an answer of status 200."""

from typing import Any

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.encode import Field, edges, encode, one_of, ratio
from gateway.dialect.errors import Codes, failure_from, failure_inside
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.images import Embedded, ImageRequest
from gateway.shapes import parse_size
from gateway.wire import Adapter, Flow, Outcome, Received, Send, Target, send

_SUCCESS = range(200, 300)
_LIVE = "image-01-live"
_RATIOS = ("1:1", "16:9", "4:3", "3:2", "2:3", "3:4", "9:16", "21:9")
_LIVE_RATIOS = _RATIOS[:-1]
_EDGE = range(512, 2049, 8)
_COMMON = (
    Field("prompt"),
    Field("n"),
    Field("seed"),
    Field("response_format", turn=one_of({"url": "url", "b64_json": "base64"})),
    Field("watermark", "aigc_watermark"),
)
_CODES = Codes(
    policy=frozenset({"1026", "1027"}),
    exhausted=frozenset({"1004", "1008", "2049", "2056"}),
    rate_limited=frozenset({"1002", "1039", "1041"}),
    invalid=frozenset({"2013"}),
    provider_error=frozenset({"1000", "1001", "1024", "1033"}),
)


def _flow(request: ImageRequest, target: Target) -> Flow:
    model = request.model
    if request.operation == "vary":
        return cannot(request, target)
    if not model:
        return unsupported(f"{target.provider} needs a model: name one, such as image-01", "model")
    refused = no_mask(request, target)
    if refused is not None:
        return refused
    if len(request.images) > 1:
        return unsupported(f"{model} takes one picture of a person as its subject", "image")
    encoded = encode((*_COMMON, _size(model, request.params.get("size"))), request.params)
    body = {"model": model, **encoded.body}
    if request.images:
        picture = Embedded(upload=request.images[0], form="data_url")
        body["subject_reference"] = [{"type": "character", "image_file": picture}]
    received = yield from send(Send("POST", "/image_generation", json=body))
    return adapted(_understood(received, target.provider), encoded.adaptations)


def _size(model: str, asked: object) -> Field:
    """Return the row for a size: pixels where the model paints just those, the nearest shape otherwise."""
    size = parse_size(asked)
    if model != _LIVE and size is not None and all(edge in _EDGE for edge in size):
        return Field("size", ("width", "height"), edges)
    return Field("size", "aspect_ratio", ratio(_LIVE_RATIOS if model == _LIVE else _RATIOS))


def _understood(received: Received, provider: str) -> Outcome:
    if received.status not in _SUCCESS:
        return failure_from(received, provider, _CODES)
    match received.json():
        case {"base_resp": {"status_code": int() | str() as code}} as body if str(code) != "0":
            return failure_inside(received, body, provider, _CODES)
        case {"data": {"image_base64": list(items)}} | {"data": {"image_urls": list(items)}} as body:
            return reply_of(map(picture_of, items), provider, withheld=_withheld(body.get("metadata")))
        case {"base_resp": {"status_code": 0 | "0"}} as body:
            return reply_of((), provider, withheld=_withheld(body.get("metadata")))
        case _:
            return unreadable(received, provider, _CODES)


def _withheld(metadata: Any) -> bool:  # noqa: ANN401 - the JSON boundary
    """Whether the filter of finished pictures took some out; the count comes as a number or as a text."""
    match metadata:
        case {"failed_count": int() | str() as count}:
            return str(count) not in ("0", "")
        case _:
            return False


ADAPTERS = (
    Adapter(
        name="minimax",
        base_url=at("https://api.minimax.io/v1"),
        authorize=key_in(),
        flow=_flow,
        n_max=9,
    ),
)
