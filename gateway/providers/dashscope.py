"""Alibaba's DashScope: newer models answer at once and read messages, older ones take a task on that is asked after."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.encode import DROPPED, OMITTED, Encoded, Field, encode
from gateway.dialect.errors import Codes, Said, failure_from, failure_inside, failure_of_job, said_in
from gateway.dialect.polling import lost, poll
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.images import Embedded, ImageRequest, Picture
from gateway.shapes import parse_size, tier_of
from gateway.wire import Adapter, Flow, Outcome, Received, Send, Target, send
from strategies import Success

_SUCCESS = range(200, 300)
_AIGC = "/services/aigc"
_SYNC = f"{_AIGC}/multimodal-generation/generation"
_ASYNC = {"X-DashScope-Async": "enable"}
_OF_TASKS = ("wanx", "wan2.1", "wan2.2", "wan2.5", "flux", "stable-diffusion")
_BLIND = ("z-image",)
_BLIND_EXACTLY = frozenset({"qwen-image", "qwen-image-plus", "qwen-image-max"})
_MASKED = "wanx2.1-imageedit"
_MOST_IMAGES = 9
_CODES = Codes(
    policy=frozenset({"DataInspectionFailed", "data_inspection_failed", "IPInfringementSuspect"}),
    exhausted=frozenset({"InvalidApiKey", "AccessDenied", "AccessDenied.Unpurchased", "Arrearage"}),
    rate_limited=frozenset(
        {"Throttling", "Throttling.RateQuota", "Throttling.AllocationQuota", "Throttling.BurstRate"},
    ),
    invalid=frozenset({"InvalidParameter", "ModelNotFound", "InvalidURL"}),
    provider_error=frozenset({"InternalError", "InternalError.Algo", "InternalError.Timeout", "SystemError"}),
)


def _flow(request: ImageRequest, target: Target) -> Flow:
    model = request.model
    if request.operation == "vary":
        return cannot(request, target)
    if not model:
        return unsupported(f"{target.provider} needs a model: name one, such as qwen-image-2.0", "model")
    if request.images and not _sees(model):
        return cannot(request, target)
    refused = None if model == _MASKED else no_mask(request, target)
    if refused is not None:
        return refused
    if len(request.images) > (1 if model == _MASKED else _MOST_IMAGES):
        return unsupported(f"{model} does not work on {len(request.images)} pictures", "image")
    if not model.startswith(_OF_TASKS):
        encoded = encode(_messages(request, model), request.params, others="parameters")
        received = yield from send(Send("POST", _SYNC, json=_body(model, encoded)))
        return adapted(_answered(received, target.provider), encoded.adaptations)
    encoded = encode(_inputs(request, model), request.params, others="parameters")
    work = "image2image" if request.images else "text2image"
    submitted = yield from send(
        Send("POST", f"{_AIGC}/{work}/image-synthesis", json=_body(model, encoded), headers=_ASYNC)
    )
    if submitted.status not in _SUCCESS:
        return failure_from(submitted, target.provider, _CODES)
    match submitted.json():
        case {"output": {"task_id": str(task)}}:
            ask = Send("GET", f"/tasks/{quote(task, safe='')}")
        case {"code": str(code)} as body if code:
            return failure_inside(submitted, body, target.provider, _CODES)
        case _:
            return unreadable(submitted, target.provider, _CODES)
    outcome = yield from poll(
        ask,
        lambda answer: _ended(answer, target.provider),
        provider=target.provider,
        seconds=2.0,
        slowest=3.0,
        codes=_CODES,
    )
    return adapted(outcome, encoded.adaptations)


def _sees(model: str) -> bool:
    return not (model.startswith(_BLIND) or model in _BLIND_EXACTLY or "-t2i" in model)


def _body(model: str, encoded: Encoded) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, **encoded.body}
    if model.startswith("wan"):
        # Left out it means four pictures, each of them billed.
        body.setdefault("parameters", {}).setdefault("n", 1)
    return body


def _parameters(model: str) -> tuple[Field, ...]:
    # The older Qwen models and Z-Image make one picture, and have no word for it.
    count = None if model.startswith("wan") else lambda asked: OMITTED if asked == 1 else asked
    return (
        Field("n", "parameters.n", count),
        Field("seed", "parameters.seed"),
        Field("size", "parameters.size", _size if model.startswith("wan2.7") else _pixels),
        Field("watermark", "parameters.watermark"),
    )


def _messages(request: ImageRequest, model: str) -> tuple[Field, ...]:
    def message(prompt: object) -> object:
        pictures = [{"image": Embedded(upload=upload, form="data_url")} for upload in request.images]
        return [{"role": "user", "content": [*pictures, {"text": prompt}]}]

    return (
        Field("prompt", "input.messages", message),
        Field("negative_prompt", "parameters.negative_prompt"),
        *_parameters(model),
    )


def _inputs(request: ImageRequest, model: str) -> tuple[Field, ...]:
    rows = (Field("prompt", "input.prompt"), Field("negative_prompt", "input.negative_prompt"), *_parameters(model))
    pictures = [Embedded(upload=upload, form="data_url") for upload in request.images]
    if not pictures:
        return rows
    if model != _MASKED:
        return (*rows, Field("image", "input.images", lambda _: pictures))
    usual = "description_edit" if request.mask is None else "description_edit_with_mask"
    return (
        *rows,
        Field("function", "input.function"),
        Field("image", ("input.function", "input.base_image_url"), lambda _: (_function(request, usual), pictures[0])),
        Field("mask", "input.mask_image_url", lambda mask: Embedded(upload=mask, form="data_url", mask="white")),
    )


def _function(request: ImageRequest, usual: str) -> object:
    return request.params.get("function", usual)


def _pixels(size: Any) -> Any:  # noqa: ANN401 - what a turn takes and returns
    if size == "auto":
        return OMITTED
    found = parse_size(size)
    return DROPPED if found is None else f"{found[0]}*{found[1]}"


def _size(size: Any) -> Any:  # noqa: ANN401 - what a turn takes and returns
    return _pixels(size) if tier_of(size) is None else size.upper()


def _answered(received: Received, provider: str) -> Outcome:
    if received.status not in _SUCCESS:
        return failure_from(received, provider, _CODES)
    match received.json():
        case {"output": {"choices": list(choices)}} as body:
            return reply_of(_chosen(choices), provider, about=_about(body.get("usage")))
        case {"code": str(code)} as body if code:
            return failure_inside(received, body, provider, _CODES)
        case _:
            return unreadable(received, provider, _CODES)


def _ended(received: Received, provider: str) -> Outcome | None:
    match received.json():
        case {"output": {"task_status": "SUCCEEDED"} as output}:
            return _delivered(output, provider)
        case {"output": {"task_status": "UNKNOWN"}}:
            return lost(failure_of_job(provider, Said(message=f"{provider} no longer knows the task"), _CODES))
        case {"output": {"task_status": "FAILED" | "CANCELED" as status} as output}:
            said = said_in(output)
            message = said.message or f"{provider} gave the task up ({status})"
            return failure_of_job(provider, replace(said, message=message), _CODES)
        case {"output": {"task_status": str()}}:
            return None
        case {"code": str(code)} as body if code:
            return lost(failure_inside(received, body, provider, _CODES))
        case _:
            return unreadable(received, provider, _CODES)


def _delivered(output: Mapping[str, Any], provider: str) -> Outcome:
    """Return the pictures of a task: some may be missing, with a code in their place."""
    results, choices = output.get("results"), output.get("choices")
    items = [item for item in results if isinstance(item, dict)] if isinstance(results, list) else []
    pictures = [picture_of(item.get("url"), revised_prompt=item.get("actual_prompt")) for item in items]
    outcome = reply_of([*pictures, *_chosen(choices if isinstance(choices, list) else ())], provider)
    problem = next((item for item in items if item.get("code")), None)
    if isinstance(outcome, Success) or problem is None:
        return outcome
    return failure_of_job(provider, said_in(problem), _CODES)


def _chosen(choices: Sequence[Any]) -> list[Picture | None]:
    """Return the pictures of all messages: several come as several choices, or as several pieces of one."""
    pieces: list[Any] = []
    for choice in choices:
        match choice:
            case {"message": {"content": list(content)}}:
                pieces += content
            case _:
                pass
    return [picture_of(piece.get("image")) for piece in pieces if isinstance(piece, dict)]


def _about(usage: Any) -> dict[str, Any]:  # noqa: ANN401 - the JSON boundary
    match usage:
        case {"output_width": int(width), "output_height": int(height)} | {"width": int(width), "height": int(height)}:
            return {"size": f"{width}x{height}"}
        case _:
            return {}


ADAPTERS = (
    Adapter(
        name="dashscope",
        base_url=at("https://dashscope-intl.aliyuncs.com/api/v1"),
        authorize=key_in(),
        flow=_flow,
        n_max=6,
    ),
)
