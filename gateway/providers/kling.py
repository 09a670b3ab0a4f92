"""Kling: submit an image task, then ask after it; keys of two parts are signed into tokens."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gateway.dialect.address import at, missing_key
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.encode import DROPPED, Adapted, Field, encode, ratio
from gateway.dialect.errors import Codes, Said, failure_from, failure_inside, failure_of_job
from gateway.dialect.polling import lost, poll
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.images import Embedded, ImageRequest
from gateway.secret import Secret
from gateway.shapes import area_of, tier_of
from gateway.wire import (
    Adapter,
    Flow,
    Minted,
    Minting,
    MissingCredential,
    Outcome,
    Received,
    Send,
    Target,
    send,
)
from strategies import Cause, Failure

_SUCCESS = range(200, 300)
_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9")
_PAINT, _COMBINE = "/v1/images/generations", "/v1/images/multi-image2image"
_MOST_COMBINED = 4
# It has no way to work on one picture but the way to work on several.
_COMBINES_ONLY = frozenset({"kling-v2-1"})
# A picture of 1k has about a million pixels, one of 2k about four: what is beyond half way is meant to be 2k.
_MOST_PIXELS_OF_1K = 2 << 20
_TOKEN = "kling_token"  # noqa: S105 - the name of a credential
_TOKEN_SECONDS = 1800
_SLACK_SECONDS = 5
_CODES = Codes(
    policy=frozenset({"1300", "1301"}),
    exhausted=frozenset({"1000", "1001", "1002", "1003", "1004", "1100", "1101", "1102", "1103", "1304"}),
    rate_limited=frozenset({"1302", "1303"}),
    invalid=frozenset({"1200", "1201", "1202", "1203"}),
    provider_error=frozenset({"5000", "5001", "5002"}),
)


def _flow(request: ImageRequest, target: Target) -> Flow:
    if request.operation == "vary":
        return cannot(request, target)
    refused = no_mask(request, target)
    if refused is not None:
        return refused
    images = request.images
    combines = len(images) > 1 or (bool(images) and request.model in _COMBINES_ONLY)
    if len(images) > _MOST_COMBINED:
        return unsupported(f"{target.provider} combines {_MOST_COMBINED} pictures at most", "image")
    encoded = encode(_fields(request, combines=combines), request.params)
    body = encoded.body
    if combines:
        body["subject_image_list"] = [{"subject_image": Embedded(upload=upload)} for upload in images]
    elif images:
        body["image"] = Embedded(upload=images[0])
    path = _COMBINE if combines else _PAINT
    submitted = yield from send(Send("POST", path, json=body))
    job = _job_of(submitted, target.provider)
    if isinstance(job, Failure):
        return job
    outcome = yield from poll(
        Send("GET", f"{path}/{quote(job, safe='')}"),
        lambda received: _understood(received, target.provider),
        provider=target.provider,
        seconds=2.0,
        slowest=3.0,
        codes=_CODES,
    )
    return adapted(outcome, encoded.adaptations)


def _fields(request: ImageRequest, *, combines: bool) -> tuple[Field, ...]:
    # A given picture and a negative prompt exclude each other.
    negative = Field("negative_prompt", turn=(lambda _value: DROPPED) if request.images else None)
    size = _size(request.params.get("size"), combines=combines)
    return (Field("model", "model_name"), Field("prompt"), Field("n"), negative, size)


def _size(size: Any, *, combines: bool) -> Field:  # noqa: ANN401 - as the caller wrote it
    shape = ratio(_RATIOS)
    tier = tier_of(size)
    large = (area_of(size) or 0) > _MOST_PIXELS_OF_1K
    if combines:  # there is one grade only
        return Field("size", "aspect_ratio", lambda value: _reported(shape(value)) if large else shape(value))
    if tier is not None:
        grades = {tier_of("1k"): "1k", tier_of("2k"): "2k"}
        return Field("size", "resolution", lambda _value: grades.get(tier, DROPPED))
    if not large:
        return Field("size", "aspect_ratio", shape)
    return Field("size", ("aspect_ratio", "resolution"), lambda value: _large(shape(value)))


def _reported(shape: Any) -> Any:  # noqa: ANN401 - a ratio, sent as it is or adapted, or nothing
    return Adapted(shape) if isinstance(shape, str) else shape


def _large(shape: Any) -> Any:  # noqa: ANN401 - a ratio, sent as it is or adapted
    return Adapted((shape.value, "2k"), f"{shape.value} 2k") if isinstance(shape, Adapted) else (shape, "2k")


def _job_of(submitted: Received, provider: str) -> str | Failure:
    if submitted.status not in _SUCCESS:
        return failure_from(submitted, provider, _CODES)
    match submitted.json():
        case {"code": int(code)} as body if code != 0:
            return failure_inside(submitted, body, provider, _CODES)
        case {"data": {"task_id": str(job)}} if job:
            return job
        case _:
            return unreadable(submitted, provider, _CODES)


def _understood(received: Received, provider: str) -> Outcome | None:
    match received.json():
        case {"code": int(code)} as body if code != 0:
            failure = failure_inside(received, body, provider, _CODES)
            return failure if failure.cause is Cause.POLICY else lost(failure)
        case {"data": {"task_status": "succeed", "task_result": {"images": [*images]}}}:
            return reply_of([picture_of(image.get("url")) for image in images if isinstance(image, dict)], provider)
        case {"data": {"task_status": "succeed"}}:
            return reply_of([], provider)
        case {"data": {"task_status": "failed"} as job}:
            said = job.get("task_status_msg")
            reason = said if isinstance(said, str) and said else f"{provider} gave the task up"
            return failure_of_job(provider, Said(message=reason), _CODES)
        case {"data": {"task_status": str()}}:
            return None
        case _:
            return unreadable(received, provider, _CODES)


def _parts_of(target: Target) -> tuple[str, str] | None:
    """Return access key and secret key of a target whose key has two parts."""
    key = target.credentials.get("api_key")
    access, colon, secret = ("", "", "") if key is None else key.reveal().partition(":")
    if not colon:
        return None
    if not access or not secret:
        raise MissingCredential(
            f"`api_key` of {target.provider} is one key, or the access key and the secret key with a colon between"
        )
    return access, secret


def _authorize(target: Target) -> Mapping[str, str]:
    key = target.credentials.get(_TOKEN)
    if key is None and _parts_of(target) is not None:
        return {}  # the token that is made of them is all that is ever sent
    key = key or target.credentials.get("api_key")
    if key is None:
        raise missing_key(target)
    return {"Authorization": f"Bearer {key.reveal()}"}


def _mint(target: Target, at_time: float) -> Minting | None:
    parts = _parts_of(target)
    return None if parts is None else _signed(*parts, int(at_time))


def _signed(access: str, secret: str, now: int) -> Minting:
    import jwt  # noqa: PLC0415 - only keys of two parts need it

    yield from ()
    claims = {"iss": access, "exp": now + _TOKEN_SECONDS, "nbf": now - _SLACK_SECONDS}
    return Minted({_TOKEN: Secret(jwt.encode(claims, secret, algorithm="HS256"))}, float(_TOKEN_SECONDS))


ADAPTERS = (
    Adapter(
        name="kling",
        base_url=at("https://api-singapore.klingai.com"),
        authorize=_authorize,
        flow=_flow,
        n_max=9,
        mint=_mint,
    ),
)
