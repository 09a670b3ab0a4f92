"""Together AI: new pictures and edits through one JSON call, with a data URL for a picture to work on."""

from collections.abc import Mapping

from gateway.dialect.address import at, key_in
from gateway.dialect.answers import adapted, outcome_of
from gateway.dialect.encode import Field, edges, encode, one_of
from gateway.dialect.openai_like import JPEG_OR_PNG, data_urls, no_model, too_many
from gateway.dialect.unable import cannot, no_mask
from gateway.images import ImageRequest
from gateway.wire import Adapter, Flow, Send, Target, send
from strategies import Failure

_FIELDS = (
    *(Field("model"), Field("prompt"), Field("n"), Field("seed"), Field("negative_prompt")),
    Field("size", ("width", "height"), edges),
    Field("output_format", turn=JPEG_OR_PNG),
    # The answer's own field is called `b64_json` all the same.
    Field("response_format", turn=one_of({"url": "url", "b64_json": "base64"})),
)
# The models that take a list; all others take one link, in a field of another name.
_BY_REFERENCE = ("flux.2", "google/", "gemini")
_MOST_IMAGES = 8


def _flow(request: ImageRequest, target: Target) -> Flow:
    if request.operation == "vary":
        return cannot(request, target)
    failure = no_model(request, target, "black-forest-labs/FLUX.1-schnell") or no_mask(request, target)
    if failure is not None:
        return failure
    pictures = _pictures(request, target)
    if isinstance(pictures, Failure):
        return pictures
    encoded = encode(_FIELDS, request.params)
    received = yield from send(Send("POST", "/images/generations", json={**encoded.body, **pictures}))
    return adapted(outcome_of(received, target.provider), encoded.adaptations)


def _pictures(request: ImageRequest, target: Target) -> Mapping[str, object] | Failure:
    if not request.images:
        return {}
    model = (request.model or "").lower()
    if "imagen" in model:
        return cannot(request, target)
    several = any(name in model for name in _BY_REFERENCE)
    failure = too_many(request, target, _MOST_IMAGES if several else 1)
    if failure is not None:
        return failure
    return {"reference_images": data_urls(request)} if several else {"image_url": data_urls(request)[0]}


ADAPTERS = (
    Adapter(
        name="together-ai",
        base_url=at("https://api.together.ai/v1"),
        authorize=key_in(),
        flow=_flow,
        n_max=4,
    ),
)
