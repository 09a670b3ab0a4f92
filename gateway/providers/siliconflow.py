"""SiliconFlow: OpenAI's path, words of its own, links that live for an hour."""

from typing import Any

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.encode import DROPPED, OMITTED, Field, encode, joined_by, one_of
from gateway.dialect.errors import Codes, failure_from, failure_inside
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.images import Embedded, ImageRequest
from gateway.wire import Adapter, Flow, Outcome, Received, Send, Target, send

_SUCCESS = range(200, 300)
_MOST_IMAGES = 3
_FORMATS = one_of(("png", "jpeg"))
# Refusals come in words alone, and keep the cause that their status has.
_CODES = Codes(exhausted=frozenset({"30001"}))


def _flow(request: ImageRequest, target: Target) -> Flow:
    model = request.model
    if request.operation == "vary":
        return cannot(request, target)
    if not model:
        return unsupported(f"{target.provider} needs a model: name one, such as Qwen/Qwen-Image", "model")
    refused = no_mask(request, target)
    if refused is not None:
        return refused
    if len(request.images) > _MOST_IMAGES:
        return unsupported(f"{model} works on {_MOST_IMAGES} pictures at most", "image")
    encoded = encode(_fields(model), request.params)
    pictures = {
        "image" if number == 1 else f"image{number}": Embedded(upload=upload, form="data_url")
        for number, upload in enumerate(request.images, 1)
    }
    body = {"model": model, **encoded.body, **pictures}
    received = yield from send(Send("POST", "/images/generations", json=body))
    return adapted(_understood(received, target.provider), encoded.adaptations)


def _fields(model: str) -> tuple[Field, ...]:
    name = model.lower()
    return (
        Field("prompt"),
        Field("negative_prompt"),
        Field("seed"),
        # Most models make one picture and do not know the word; saying nothing says one.
        Field("n", "batch_size", lambda count: OMITTED if count == 1 else count),
        # Models that edit keep the size of the picture, and reject the parameter.
        Field("size", "image_size", _kept if "-edit" in name else joined_by("x")),
        *((Field("output_format", turn=_FORMATS),) if "flux" in name else ()),
    )


def _kept(size: object) -> Any:  # noqa: ANN401 - what a turn returns
    return OMITTED if size == "auto" else DROPPED


def _understood(received: Received, provider: str) -> Outcome:
    if received.status not in _SUCCESS:
        return failure_from(received, provider, _CODES)
    match received.json():
        case {"images": [_, *_] as items} | {"data": [_, *_] as items}:
            return reply_of((_picture(item) for item in items), provider)
        case {"images": []} | {"data": []}:
            return reply_of((), provider)
        case {"code": int() | str(), "message": str()} as body:
            return failure_inside(received, body, provider, _CODES)
        case _:
            return unreadable(received, provider, _CODES)


def _picture(item: Any) -> Any:  # noqa: ANN401 - the JSON boundary
    match item:
        case {"url": str(link)} | {"b64_json": str(link)}:
            return picture_of(link)
        case _:
            return None


ADAPTERS = (
    Adapter(
        name="siliconflow",
        base_url=at("https://api.siliconflow.cn/v1"),
        authorize=key_in(),
        flow=_flow,
        n_max=4,
    ),
)
