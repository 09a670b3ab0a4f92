"""Luma: submit a Photon generation, then ask after it by its id."""

from urllib.parse import quote

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.encode import Field, encode, one_of, ratio
from gateway.dialect.errors import Codes, Said, failure_from, failure_of_job
from gateway.dialect.polling import poll
from gateway.dialect.unable import cannot, unsupported
from gateway.dialect.words import identifier
from gateway.images import ImageRequest
from gateway.wire import Adapter, Flow, Outcome, Received, Send, Target, send
from strategies import Failure, Success

_SUCCESS = range(200, 300)
_RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "21:9", "9:21")
_FIELDS = (
    Field("model"),
    Field("prompt"),
    Field("size", "aspect_ratio", ratio(_RATIOS)),
    Field("output_format", "format", one_of({"jpeg": "jpg", "jpg": "jpg", "png": "png"})),
)
# What Luma's newer API says as `failure_code`; this one has sentences alone, which nobody searches.
_CODES = Codes(policy=frozenset({"content_moderated"}), exhausted=frozenset({"budget_exhausted"}))


def _flow(request: ImageRequest, target: Target) -> Flow:
    if request.operation == "vary":
        return cannot(request, target)
    if request.operation == "edit":
        return unsupported(
            f"{target.provider} works on pictures at public addresses only: send `modify_image_ref` or `image_ref` with"
            " a `url` instead of a picture",
            "image",
        )
    if not request.model:
        return unsupported(f"{target.provider} needs a model: name one, such as photon-1", "model")
    encoded = encode(_FIELDS, request.params)
    submitted = yield from send(Send("POST", "/generations/image", json=encoded.body))
    if submitted.status not in _SUCCESS:
        return failure_from(submitted, target.provider, _CODES)
    match submitted.json():
        case {"id": str(job)} if job:
            ask = Send("GET", f"/generations/{quote(job, safe='')}")
        case _:
            return unreadable(submitted, target.provider, _CODES)
    first = _understood(submitted, target.provider)
    if isinstance(first, Success):
        return adapted(first, encoded.adaptations)
    outcome = yield from poll(
        ask,
        lambda received: _understood(received, target.provider),
        provider=target.provider,
        seconds=0.5,
        slowest=2.0,
        codes=_CODES,
    )
    return adapted(outcome, encoded.adaptations)


def _understood(received: Received, provider: str) -> Outcome | None:
    match received.json():
        case {"state": "completed", "assets": {"image": str(link)}}:
            return reply_of([picture_of(link)], provider)
        case {"state": "completed"}:
            return reply_of([], provider)
        case {"state": "failed"} as job:
            return _failed(job.get("failure_code"), job.get("failure_reason"), provider)
        case {"state": str()}:
            return None
        case _:
            return unreadable(received, provider, _CODES)


def _failed(code: object, reason: object, provider: str) -> Failure:
    said = reason if isinstance(reason, str) else None
    kind = identifier(code)
    message = said or f"{provider} gave the generation up"
    return failure_of_job(provider, Said(message=message, code=kind, kinds=() if kind is None else (kind,)), _CODES)


ADAPTERS = (
    Adapter(
        name="luma",
        base_url=at("https://api.lumalabs.ai/dream-machine/v1"),
        authorize=key_in(),
        flow=_flow,
        n_max=1,
    ),
)
