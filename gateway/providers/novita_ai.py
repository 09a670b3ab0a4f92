"""Novita: models with a path and a body of their own, and checkpoints that share three; most are asked after."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import quote

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.encode import Encoded, Field, edges, encode, joined_by, one_of, ratio
from gateway.dialect.errors import Codes, Said, failure_from, failure_inside, failure_of_job, failure_saying, said_in
from gateway.dialect.polling import lost, poll
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.dialect.words import identifier
from gateway.images import Embedded, ImageRequest, Picture
from gateway.shapes import tier_of
from gateway.wire import Adapter, Draw, Flow, Outcome, Received, Send, Target, draw, send
from strategies import Failure

_SUCCESS = range(200, 300)
_KONTEXT_RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "21:9", "9:21")
_EDGE = (128, 2048)
_LARGEST_SEED = 1 << 32
_PROMPT, _SEED = Field("prompt"), Field("seed")


def _tier_or_pixels(size: Any) -> Any:  # noqa: ANN401 - what a turn takes and returns
    return joined_by("x")(size) if tier_of(size) is None else size.upper()


@dataclass(frozen=True, slots=True)
class _Route:
    """A model with a path of its own."""

    path: str
    fields: tuple[Field, ...]
    pictures: Literal["image", "images", ""] = ""
    """The name pictures go by."""
    several: bool = False
    """Whether pictures are a list."""
    asked_after: bool = True
    defaults: Mapping[str, Any] | None = None
    """What the path rejects requests without, or does unasked."""
    needs_seed: bool = False
    """Whether it rejects requests without a seed; none stands for chance."""


_SEEDREAM = _Route(
    "/v3/seedream-4.0",
    (_PROMPT, Field("watermark"), Field("size", turn=_tier_or_pixels)),
    "images",
    several=True,
    asked_after=False,
    # Left out it means a label in the corner.
    defaults={"watermark": False},
)
_KONTEXT = (_PROMPT, _SEED, Field("size", "aspect_ratio", ratio(_KONTEXT_RATIOS)))
_ROUTES: Mapping[str, _Route] = {
    "flux-1-schnell": _Route(
        "/v3beta/flux-1-schnell",
        (
            *(_PROMPT, _SEED, Field("n", "image_num"), Field("size", ("width", "height"), edges)),
            Field("output_format", "response_image_format", one_of(("png", "jpeg", "webp"))),
        ),
        asked_after=False,
        defaults={"width": 1024, "height": 1024, "image_num": 1, "steps": 4},
        needs_seed=True,
    ),
    "seedream-4.0": _SEEDREAM,
    "seedream-4.5": _Route(
        "/v3/seedream-4.5", _SEEDREAM.fields, "image", several=True, asked_after=False, defaults=_SEEDREAM.defaults
    ),
    "qwen-image": _Route("/v3/async/qwen-image-txt2img", (_PROMPT, Field("size", turn=joined_by("*")))),
    "qwen-image-edit": _Route(
        "/v3/async/qwen-image-edit",
        (_PROMPT, _SEED, Field("output_format", turn=one_of(("jpeg", "png", "webp")))),
        "image",
    ),
    "flux-1-kontext-dev": _Route(
        "/v3/async/flux-1-kontext-dev",
        (
            *(_PROMPT, _SEED, Field("n", "num_images"), Field("size", turn=joined_by("*"))),
            Field("output_format", turn=one_of(("jpeg", "png", "webp"))),
        ),
        "images",
        several=True,
    ),
    "flux-1-kontext-pro": _Route("/v3/async/flux-1-kontext-pro", _KONTEXT, "images", several=True),
    "flux-1-kontext-max": _Route("/v3/async/flux-1-kontext-max", _KONTEXT, "images", several=True),
}
_CHECKPOINT = (
    *(Field(name, f"request.{name}") for name in ("prompt", "negative_prompt", "seed")),
    Field("n", "request.image_num"),
    Field("size", ("request.width", "request.height"), edges),
    Field("output_format", "extra.response_image_type", one_of(("png", "jpeg", "webp"))),
    Field("extra", "own"),
)
# The API rejects requests without them; they are what its own examples say.
_CHECKPOINT_DEFAULTS = {"image_num": 1, "steps": 20, "seed": -1, "sampler_name": "Euler a", "guidance_scale": 7.5}
_CODES = Codes(
    policy=frozenset({"ILLEGAL_PROMPT", "ILLEGAL_IMAGE_CONTENT"}),
    exhausted=frozenset(
        {
            *("BILLING_BALANCE_NOT_ENOUGH", "BILLING_AUTH_FAILED", "MISSING_API_KEY", "INVALID_API_KEY"),
            *("API_NOT_ALLOWED", "FEATURE_NOT_ALLOWED", "NEED_REAL_NAME_VERIFY"),
        }
    ),
    rate_limited=frozenset({"RATE_LIMIT_EXCEEDED"}),
    invalid=frozenset({"INVALID_REQUEST_BODY"}),
    provider_error=frozenset({"CREATE_TASK_FAILED", "GET_RESULT_FAILED", "TASK_FAILED", "BILLING_FAILED"}),
)


def _flow(request: ImageRequest, target: Target) -> Flow:
    model = request.model
    if request.operation == "vary":
        return cannot(request, target)
    if not model:
        return unsupported(f"{target.provider} needs a model: name one, such as flux-1-schnell", "model")
    route = _ROUTES.get(model)
    asking = _checkpoint(request) if route is None else (yield from _named(request, target, route))
    if isinstance(asking, Failure):
        return asking
    asked, encoded = asking
    received = yield from send(asked)
    if received.status not in _SUCCESS:
        return _failure(received, target.provider)
    match received.json():
        case {"images": list(items)} if route is not None and not route.asked_after:
            return adapted(reply_of(map(_picture, items), target.provider), encoded.adaptations)
        case {"task_id": str(task)}:
            ask = Send("GET", f"/v3/async/task-result?task_id={quote(task, safe='')}")
        case {"reason": str()} | {"code": int()} as body:
            return failure_inside(received, body, target.provider, _CODES)
        case _:
            return unreadable(received, target.provider, _CODES)
    outcome = yield from poll(
        ask,
        lambda answer: _ended(answer, target.provider),
        provider=target.provider,
        seconds=1.0,
        slowest=2.0,
        codes=_CODES,
    )
    return adapted(outcome, encoded.adaptations)


def _named(
    request: ImageRequest, target: Target, route: _Route
) -> Generator[Draw, float, tuple[Send, Encoded] | Failure]:
    refused = no_mask(request, target)
    if refused is not None:
        return refused
    if request.images and not route.pictures:
        return cannot(request, target)
    if len(request.images) > 1 and not route.several:
        return unsupported(f"{request.model} works on one picture", "image")
    encoded = encode(route.fields, request.params)
    body = {**(route.defaults or {}), **encoded.body}
    if route.needs_seed:
        body.setdefault("seed", int((yield from draw()) * _LARGEST_SEED))
    pictures = [Embedded(upload=upload, form="data_url") for upload in request.images]
    if pictures:
        body[route.pictures] = pictures if route.several else pictures[0]
    return Send("POST", route.path, json=body), encoded


def _checkpoint(request: ImageRequest) -> tuple[Send, Encoded] | Failure:
    """Return the request to one of the Stable Diffusion paths, which read the model's name from the body."""
    if len(request.images) > 1:
        return unsupported(f"{request.model} works on one picture", "image")
    encoded = encode(_CHECKPOINT, request.params, others="request")
    extra = encoded.body.get("own")
    given = encoded.body.get("request", {})
    body = {"model_name": request.model, **_CHECKPOINT_DEFAULTS, **given}
    work = "txt2img"
    if request.images:
        work = "img2img" if request.mask is None else "inpainting"
        body["image_base64"] = Embedded(upload=request.images[0])
        if request.mask is not None:
            body["mask_image_base64"] = Embedded(upload=request.mask, mask="white")
    if work != "inpainting" and "width" not in body:
        body["width"], body["height"] = _usual_size(request)
    beside = {**(extra if isinstance(extra, dict) else {}), **encoded.body.get("extra", {})}
    return Send("POST", f"/v3/async/{work}", json={"extra": beside, "request": body}), encoded


def _usual_size(request: ImageRequest) -> tuple[int, int]:
    """Return the size of the picture at hand, or what the model was trained on."""
    if request.images:
        first = request.images[0]
        least, most = _EDGE
        return min(max(first.width, least), most), min(max(first.height, least), most)
    return (1024, 1024) if "xl" in (request.model or "").lower() else (512, 512)


def _ended(received: Received, provider: str) -> Outcome | None:
    match received.json():
        case {"task": {"status": "TASK_STATUS_SUCCEED"}} as body:
            items = body.get("images")
            return reply_of(map(_picture, items if isinstance(items, list) else ()), provider)
        case {"task": {"status": "TASK_STATUS_FAILED"} as task}:
            return failure_of_job(provider, _said(provider, task.get("reason")), _CODES)
        case {"task": {"status": str()}}:
            return None
        case {"reason": str()} | {"code": int()} as body:
            return lost(failure_inside(received, body, provider, _CODES))
        case _:
            return unreadable(received, provider, _CODES)


def _failure(received: Received, provider: str) -> Failure:
    """Return what an error means: its name stands under `reason`, as `code` only repeats the status."""
    match received.json():
        case {"reason": str(reason)} as body if reason:
            return failure_saying(replace(said_in(body), code=identifier(reason)), received, provider, _CODES)
        case _:
            return failure_from(received, provider, _CODES)


def _said(provider: str, reason: Any) -> Said:  # noqa: ANN401 - the JSON boundary
    """Return what a task's reason says: one of the documented codes, or a text."""
    text = reason if isinstance(reason, str) and reason else f"{provider} gave the task up"
    return Said(message=text, code=identifier(text), kinds=(text,))


def _picture(item: Any) -> Picture | None:  # noqa: ANN401 - the JSON boundary
    match item:
        case {"image_url": str(text)} | {"url": str(text)} | str(text):
            return picture_of(text)
        case _:
            return None


ADAPTERS = (
    Adapter(
        name="novita-ai",
        base_url=at("https://api.novita.ai"),
        authorize=key_in(),
        flow=_flow,
        n_max=8,
    ),
)
