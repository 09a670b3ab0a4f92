"""Volcengine Ark: ByteDance's Seedream; BytePlus speaks the same under a `custom_host`."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, outcome_of
from gateway.dialect.encode import DROPPED, OMITTED, Adapted, Field, encode, one_of
from gateway.dialect.errors import Codes, failure_within
from gateway.dialect.openai_like import EITHER_FORM, JPEG_OR_PNG, data_urls, no_model, spent, too_many
from gateway.dialect.unable import cannot, no_mask
from gateway.images import ImageRequest
from gateway.shapes import Size, parse_size, ratio_of, tier_of, written
from gateway.wire import Adapter, Flow, Outcome, Received, Send, Target, send
from strategies import Cause, Failure

_SENSITIVE = ("InputText", "InputImage", "OutputImage", "OutputText")
_KINDS = ("", ".PolicyViolation", ".PrivacyInformation", ".SevereViolation", ".Violence")
_CODES = Codes(
    policy=frozenset(
        {
            *(f"{what}SensitiveContentDetected{kind}" for what in ("", *_SENSITIVE) for kind in _KINDS),
            *(f"{what}RiskDetection" for what in _SENSITIVE),
        }
    ),
    exhausted=frozenset({"AuthenticationError", "AccountOverdueError", "ModelNotOpen", "SetLimitExceeded"}),
    rate_limited=frozenset({"ServerOverloaded", "ModelAccountIpmRateLimitExceeded", "QuotaExceeded"}),
    provider_error=frozenset({"InternalServiceError"}),
)
_GRID = 16
_USUAL_PIXELS = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """What sets a generation of models apart."""

    pixels: tuple[int, int] | None = None
    """The fewest and the most that a picture may have."""
    most_images: int = 14
    formats: bool = False
    seeds: bool = False


# By what the name holds, the longer names first.
_FAMILIES: Mapping[str, _Family] = {
    "seedream-5-0-pro": _Family(pixels=(921_600, 4_624_220), most_images=10, formats=True),
    "seedream-5": _Family(pixels=(3_686_400, 16_777_216), formats=True),
    "seedream-4-5": _Family(pixels=(3_686_400, 16_777_216)),
    "seedream-4": _Family(pixels=(921_600, 16_777_216), most_images=10),
    "seedream-3": _Family(most_images=0, seeds=True),
    "seededit": _Family(most_images=1, seeds=True),
}
# An endpoint of the customer's own name (`ep-…`) may stand for any of them.
_ANY = _Family(formats=True)


def _flow(request: ImageRequest, target: Target) -> Flow:
    model = request.model or ""
    family = next((known for name, known in _FAMILIES.items() if name in model), _ANY)
    if request.operation == "vary" or (request.images and family.most_images == 0):
        return cannot(request, target)
    failure = (
        no_model(request, target, "doubao-seedream-4-5-251128")
        or no_mask(request, target)
        or too_many(request, target, family.most_images)
    )
    if failure is not None:
        return failure
    encoded = encode(_fields(family), request.params)
    pictures = data_urls(request)
    image = {"image": pictures[0] if len(pictures) == 1 else pictures} if pictures else {}
    # Every picture would bear a mark unless this says not to.
    body = {"watermark": False, **encoded.body, **image}
    received = yield from send(Send("POST", "/images/generations", json=body))
    return adapted(_understood(received, target.provider), encoded.adaptations)


def _fields(family: _Family) -> tuple[Field, ...]:
    formats = JPEG_OR_PNG if family.formats else one_of({"jpeg": OMITTED, "jpg": OMITTED})
    fields = (
        *(Field("model"), Field("prompt"), Field("watermark"), EITHER_FORM),
        Field("size", turn=_size(family)),
        Field("output_format", turn=formats),
    )
    return (*fields, Field("seed")) if family.seeds else fields


def _size(family: _Family) -> Callable[[Any], Any]:
    def turn(value: Any) -> Any:  # noqa: ANN401 - any JSON
        if value == "auto":
            return OMITTED
        if tier_of(value) is not None:
            return value.upper()
        asked, ratio = parse_size(value), ratio_of(value)
        if asked is None:
            return DROPPED if ratio is None else written(_within(family, ratio, _USUAL_PIXELS))
        given = _within(family, asked[0] / asked[1], asked[0] * asked[1], asked)
        return value if given == asked else Adapted(written(given))

    return turn


def _within(family: _Family, ratio: float, pixels: int, asked: Size | None = None) -> Size:
    """Return the size of that shape that has as many pixels, or as few or many as the models paint."""
    fewest, most = family.pixels or (0, pixels)
    if asked is not None and fewest <= pixels <= most:
        return asked
    area = min(max(pixels, fewest), most)
    edges = math.sqrt(area * ratio) / _GRID, math.sqrt(area / ratio) / _GRID
    # Away from the limit that was broken, or the grid would break it again; a root is not exact to the last bit.
    fit = math.floor if pixels > most else math.ceil
    width, height = (fit(round(edge, 6)) * _GRID for edge in edges)
    return width, height


def _understood(received: Received, provider: str) -> Outcome:
    outcome = outcome_of(received, provider, _CODES)
    if not isinstance(outcome, Failure) or outcome.cause is not Cause.EMPTY:
        return spent(outcome, lambda _usage: None)
    match received.json():
        case {"data": [{"error": dict(error)}, *_]}:
            return failure_within(received, error, provider, _CODES)
        case _:
            return outcome


ADAPTERS = (
    Adapter(
        name="volcengine",
        base_url=at("https://ark.cn-beijing.volces.com/api/v3"),
        authorize=key_in(),
        flow=_flow,
        n_max=1,
    ),
)
