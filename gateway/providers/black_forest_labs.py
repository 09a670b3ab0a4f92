"""Black Forest Labs: submit a FLUX task, then ask at the address the answer names."""

from collections.abc import Mapping

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.encode import Field, edges, encode, one_of, ratio
from gateway.dialect.errors import Said, failure_from, failure_of_job
from gateway.dialect.openai_like import too_many
from gateway.dialect.polling import poll
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.images import Embedded, ImageRequest
from gateway.wire import Adapter, Flow, Outcome, Received, Send, Target, send
from strategies import Cause, Failure

_SUCCESS = range(200, 300)
_NOT_FOUND = 404
_RATIOS = (
    *("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "21:9", "9:21", "5:4", "4:5"),
    *("2:1", "1:2"),
)
_FORMATS = Field("output_format", turn=one_of(("jpeg", "png", "webp"), {"jpg": "jpeg"}))
_COMMON = (Field("prompt"), Field("seed"), _FORMATS)
_BY_EDGES = (*_COMMON, Field("size", ("width", "height"), edges))
_BY_RATIO = (*_COMMON, Field("size", "aspect_ratio", ratio(_RATIOS)))
_FLUX_2 = (*_BY_EDGES, Field("background", "transparent_bg", one_of({"transparent": True, "opaque": False})))
_MODERATED = frozenset({"Request Moderated", "Content Moderated"})
_UNKNOWN = "Task not found"
_FAILED = frozenset({"Error", "Failed", _UNKNOWN})
_MOST_IMAGES = 8
# They work on one picture, in its own size.
_ON_ONE_PICTURE = ("-fill", "-expand")
_CREDITS_PER_DOLLAR = 100


def _flow(request: ImageRequest, target: Target) -> Flow:
    model = request.model or ""
    if request.operation == "vary":
        return cannot(request, target)
    if not model:
        return unsupported(f"{target.provider} needs a model: name one, such as flux-2-pro", "model")
    encoded = encode(_fields(model), request.params)
    pictures = _pictures(request, target)
    if isinstance(pictures, Failure):
        return pictures
    submitted = yield from send(Send("POST", f"/{model}", json={**encoded.body, **pictures}))
    if submitted.status not in _SUCCESS:
        return failure_from(submitted, target.provider)
    match submitted.json():
        case {"polling_url": str(address)} as job:
            credits_ = job.get("cost")
        case _:
            return unreadable(submitted, target.provider)
    cost_usd = credits_ / _CREDITS_PER_DOLLAR if isinstance(credits_, int | float) else None
    outcome = yield from poll(
        Send("GET", address),
        lambda received: _understood(received, target.provider, cost_usd),
        provider=target.provider,
        seconds=0.5,
        slowest=1.5,
        unknown=_is_unknown,
    )
    return adapted(outcome, encoded.adaptations)


def _fields(model: str) -> tuple[Field, ...]:
    if model.startswith("flux-2"):
        return _FLUX_2
    if model.endswith(_ON_ONE_PICTURE):
        return _COMMON
    return _BY_RATIO if model.endswith("-ultra") or "kontext" in model else _BY_EDGES


def _pictures(request: ImageRequest, target: Target) -> Mapping[str, object] | Failure:
    """Return the fields that hold the pictures to work on: who works on one alone has a name of its own for it."""
    model, mask = request.model or "", request.mask
    refused = None if model.endswith("-fill") else no_mask(request, target)
    refused = refused or too_many(request, target, 1 if model.endswith(_ON_ONE_PICTURE) else _MOST_IMAGES)
    if refused is not None:
        return refused
    if model.endswith(_ON_ONE_PICTURE):
        image = {"image": Embedded(upload=request.images[0])} if request.images else {}
        return image if mask is None else {**image, "mask": Embedded(upload=mask, mask="white")}
    return {
        "input_image" if number == 1 else f"input_image_{number}": Embedded(upload=upload)
        for number, upload in enumerate(request.images, 1)
    }


def _is_unknown(received: Received) -> bool:
    match received.json():
        case {"status": str(status)}:
            return status == _UNKNOWN
    return received.status == _NOT_FOUND


def _understood(received: Received, provider: str, cost_usd: float | None) -> Outcome | None:
    match received.json():
        case {"status": "Ready", "result": {"sample": str(link)}}:
            return reply_of([picture_of(link)], provider, cost_usd=cost_usd)
        case {"status": "Ready"}:
            return reply_of((), provider, cost_usd=cost_usd)
        case {"status": str(status)} if status in _MODERATED:
            return Failure(
                cause=Cause.POLICY,
                message=f"{provider} refused this by its content policy ({status})",
                provider_code=status.lower().replace(" ", "_"),
            )
        case {"status": str(status)} if status in _FAILED:
            return failure_of_job(provider, Said(message=f"{provider} gave the task up ({status})"))
        case {"status": str()}:
            return None
        case _:
            return unreadable(received, provider)


ADAPTERS = (
    Adapter(
        name="black-forest-labs",
        base_url=at("https://api.bfl.ai/v1"),
        authorize=key_in("x-key", ""),
        flow=_flow,
        own_hosts=(".bfl.ai",),
        n_max=1,
    ),
)
