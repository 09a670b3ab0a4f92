"""Segmind: a slug in the path for each model, answered at once by v1 and as a job to ask after by v2."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.encode import DROPPED, Field, edges, encode, ratio
from gateway.dialect.errors import Codes, Said, failure_from, failure_inside, failure_of_job, said_in
from gateway.dialect.polling import lost, poll
from gateway.dialect.stable_diffusion import TAKEN_FOR_GRANTED, in_path, prompted
from gateway.dialect.unable import cannot, unsupported
from gateway.images import Embedded, ImageReply, ImageRequest, Picture
from gateway.wire import Adapter, Flow, Outcome, ProviderFields, Received, Send, Target, send
from strategies import Failure, Success

_SUCCESS = range(200, 300)
_JOB_FAILED = 422
_TOO_MANY = 429
_SERVER_ERRORS = range(500, 600)
_CODES = Codes()
_RATIOS = ("1:1", "16:9", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
_RESET = "x-rate-limit-reset-at-utc"
_MILLISECONDS = 1e11
"""What is larger is no number of seconds since 1970."""
_RAW = ("image/", "application/octet-stream")
_PICTURES = ("image", "images", "output")


def _style(value: Any) -> Any:  # noqa: ANN401
    """Let Segmind's many styles pass; OpenAI's two are none of them."""
    return value if isinstance(value, str) and value not in ("vivid", "natural") else DROPPED


_PLAIN = (*TAKEN_FOR_GRANTED, Field("prompt"), Field("seed"))
_NEGATIVE, _SAMPLES = Field("negative_prompt"), Field("n", "samples")
_SDXL = (*_PLAIN, _NEGATIVE, _SAMPLES, Field("style", turn=_style), Field("size", ("img_width", "img_height"), edges))
_ON_PICTURES = (*_PLAIN, _NEGATIVE, _SAMPLES)
_OPENAI = tuple(
    Field(name)
    for name in ("prompt", "size", "quality", "background", "moderation", "output_format", "output_compression")
)
_TEXT_TO_IMAGE = {
    "sdxl1.0-txt2img": _SDXL,
    "sdxl-txt2img": _SDXL,
    "ssd-1b": _SDXL,
    "flux-schnell": (*_PLAIN, _SAMPLES, Field("size", ("width", "height"), edges)),
    "fast-flux-schnell": (*_PLAIN, Field("size", "aspect_ratio", ratio(_RATIOS))),
}


def _flow(request: ImageRequest, target: Target) -> Flow:
    slug = in_path(request.model or "")
    if slug is None:
        return unsupported(f"{target.provider} needs a model: name its slug, such as sdxl1.0-txt2img", "model")
    version = target.options.get("api_version", "v1")
    if version not in ("v1", "v2"):
        return unsupported(f"{target.provider} has the `api_version`s v1 and v2, and no {version}")
    pictures = _pictures(request, target, slug)
    if isinstance(pictures, Failure):
        return pictures
    encoded = encode(_fields(slug), request.params)
    body = encoded.body
    prompted(body, request)
    if version == "v1" and isinstance(body.get("samples"), int) and body["samples"] > 1:
        body.setdefault("base64", True)  # bytes hold one picture only
    path = f"/{slug}" if version == "v1" else f"/../v2/{slug}"
    received = yield from send(Send("POST", path, json={**body, **pictures}))
    if received.status not in _SUCCESS:
        return _failed(received, target.provider)
    if version == "v1":
        outcome = _at_once(received, target.provider)
    else:
        outcome = yield from _awaited(received, target.provider)
    return adapted(outcome, encoded.adaptations)


def _fields(slug: str) -> tuple[Field, ...]:
    """Return the words of a slug; of one that is not known, those that nearly all have."""
    if slug in _TEXT_TO_IMAGE:
        return _TEXT_TO_IMAGE[slug]
    if slug.startswith("gpt-image"):
        return _OPENAI
    return _ON_PICTURES if _works_on_pictures(slug) else (*_PLAIN, _NEGATIVE)


def _works_on_pictures(slug: str) -> bool:
    return "img2img" in slug or "inpaint" in slug


def _pictures(request: ImageRequest, target: Target, slug: str) -> Mapping[str, Any] | Failure:
    """Return the picture to work on, and its mask, under the names that nearly all slugs have for them."""
    if request.operation == "generate":
        return {}
    if slug in _TEXT_TO_IMAGE or (request.operation == "vary" and "img2img" not in slug):
        return cannot(request, target)
    if slug.startswith("gpt-image") or len(request.images) > 1:
        return unsupported(
            f"{slug} of {target.provider} is given one picture in `image` or none:"
            " send links to several in the field that the model's page names, such as `image_urls`",
            "image",
        )
    picture = {"image": Embedded(upload=request.images[0])} if request.images else {}
    if request.mask is None:
        return picture
    if "inpaint" not in slug:
        return unsupported(f"{slug} of {target.provider} takes no mask, and would change the whole picture", "mask")
    return {**picture, "mask": Embedded(upload=request.mask, mask="white")}


def _at_once(received: Received, provider: str) -> Outcome:
    cost_usd = _dollars(received.headers.get("x-cost"))
    if received.headers.get("content-type", "").startswith(_RAW):
        return reply_of([Picture(data=received.body) if received.body else None], provider, cost_usd=cost_usd)
    match received.json():
        case dict(body):
            return _outcome_of(body, received, provider, cost_usd)
        case _:
            return unreadable(received, provider, _CODES)


def _outcome_of(body: Mapping[str, Any], received: Received, provider: str, cost_usd: float | None) -> Outcome:
    """Return the pictures of a body: one or a list, as base64, as links, or as objects with a link."""
    found = next((body[name] for name in _PICTURES if body.get(name)), None)
    if found is not None:
        each = found if isinstance(found, list) else [found]
        links = [item.get("url") or item.get("image") if isinstance(item, dict) else item for item in each]
        return reply_of(map(picture_of, links), provider, cost_usd=cost_usd)
    if said_in(body).message:
        return failure_inside(received, body, provider, _CODES)
    return (
        reply_of((), provider, cost_usd=cost_usd)
        if body.keys() & set(_PICTURES)
        else unreadable(received, provider, _CODES)
    )


def _awaited(received: Received, provider: str) -> Flow:
    match received.json():
        case {"request_id": str(text)} if (job := in_path(text)) is not None and "/" not in job:
            address = f"/../v2/requests/{job}"
        case _:
            return unreadable(received, provider, _CODES)
    ended = yield from poll(
        Send("GET", f"{address}/status"),
        lambda answer: _ended(answer, provider),
        provider=provider,
        seconds=1.0,
        slowest=2.0,
        codes=_CODES,
    )
    if isinstance(ended, Failure):
        return _given_up(ended, provider)
    result = yield from send(Send("GET", address))
    if result.status in _SERVER_ERRORS:
        ended = yield from poll(
            Send("GET", address), lambda answer: _result(answer, provider), provider=provider, seconds=1.0, slowest=2.0
        )
        return _given_up(ended, provider) if isinstance(ended, Failure) else ended
    if result.status not in _SUCCESS:
        return _given_up(lost(_failed(result, provider)), provider)
    return _result(result, provider)


def _ended(received: Received, provider: str) -> Outcome | None:
    """Return a failure, or a success without pictures for a job that has them ready; `None` while it runs."""
    match received.json():
        case {"status": "COMPLETED"}:
            return Success(ImageReply())
        case {"status": "FAILED", **about}:
            return _job_failed(provider, said_in(about).message)
        case {"status": str()}:
            return None
        case _:
            return unreadable(received, provider, _CODES)


def _result(received: Received, provider: str) -> Outcome:
    match received.json():
        case {"status": "FAILED", **about}:
            return _job_failed(provider, said_in(about).message)
        case dict(body):
            metrics = body.get("metrics")
            cost_usd = _dollars(metrics.get("cost")) if isinstance(metrics, dict) else None
            return _outcome_of(body, received, provider, cost_usd)
        case _:
            return unreadable(received, provider, _CODES)


def _given_up(failure: Failure, provider: str) -> Failure:
    """Return the failure as it is, unless its status is the one that jobs that failed are told with."""
    return _job_failed(provider, failure.message) if failure.status == _JOB_FAILED else failure


def _job_failed(provider: str, message: str | None) -> Failure:
    return failure_of_job(provider, Said(message=message or f"{provider} gave the job up"), _CODES)


def _failed(received: Received, provider: str) -> Failure:
    """Return the failure that an answer means; when to come back is told in a header of Segmind's own."""
    moment = _moment(received.headers.get(_RESET, ""))
    if moment is not None and received.status == _TOO_MANY and "retry-after" not in received.headers:
        told = {**received.headers, "retry-after": format_datetime(moment, usegmt=True)}
        received = replace(received, headers=told)
    return failure_from(received, provider, _CODES)


def _moment(text: str) -> datetime | None:
    """Return a moment that is written as seconds, milliseconds or ISO 8601: which, is not documented."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    try:
        if math.isnan(number):
            moment = datetime.fromisoformat(text)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        return datetime.fromtimestamp(number / 1000 if number > _MILLISECONDS else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _dollars(value: Any) -> float | None:  # noqa: ANN401 - a header, or JSON
    """Return what something cost: credits are dollars."""
    try:
        cost = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except ValueError:
        return None
    return cost if math.isfinite(cost) and cost >= 0 else None


ADAPTERS = (
    Adapter(
        name="segmind",
        base_url=at("https://api.segmind.com/v1"),
        authorize=key_in("x-api-key", ""),
        flow=_flow,
        fields=ProviderFields(options=("api_version",)),
        n_max=1,
    ),
)
