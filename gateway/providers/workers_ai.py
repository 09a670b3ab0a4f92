"""Cloudflare Workers AI: an account in the path, and models that differ in what they read and in what they answer."""

import re
from collections.abc import Mapping

from gateway.dialect.address import key_in
from gateway.dialect.answers import adapted, picture_of, reply_of, unreadable
from gateway.dialect.encode import Field, edges, encode
from gateway.dialect.errors import Codes, failure_from, failure_inside
from gateway.dialect.openai_body import text_of
from gateway.dialect.unable import cannot, no_mask, unsupported
from gateway.images import Embedded, ImageRequest, Picture
from gateway.wire import Adapter, Flow, FormField, MissingField, Outcome, ProviderFields, Received, Send, Target, send
from strategies import Failure

_SUCCESS = range(200, 300)
_ACCOUNT = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
# Each step of the path starts with a letter, a digit or the first one's @: none can lead out of the account.
_MODEL = re.compile(r"@?[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)*", re.ASCII)
_PROMPT, _SEED, _NEGATIVE = Field("prompt"), Field("seed"), Field("negative_prompt")
_SIZE = Field("size", ("width", "height"), edges)
_DIFFUSION = (_PROMPT, _NEGATIVE, _SEED, _SIZE)
_FIELDS: Mapping[str, tuple[Field, ...]] = {
    "flux-1-schnell": (_PROMPT,),
    "lucid-origin": (_PROMPT, _SEED, _SIZE),
    "flux-2": (_PROMPT, _SEED, _SIZE),
}
_FORMS = "flux-2"
_MOST_IMAGES = 4
_REPAINTING = ("stable-diffusion", "dreamshaper")
_CODES = Codes(
    policy=frozenset({"3030"}),
    exhausted=frozenset({"3036", "5016", "5018", "3023", "3041", "10000"}),
    rate_limited=frozenset({"3040"}),
    invalid=frozenset({"5007", "5004", "3003", "3039", "3042", "3006", "5019", "5005"}),
)
_NO_ACCOUNT = (
    "workers-ai needs `workers_ai_account_id`, the id of a Cloudflare account: letters, digits, hyphens, underscores"
)
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF")


def _flow(request: ImageRequest, target: Target) -> Flow:
    model = request.model
    if request.operation == "vary":
        return cannot(request, target)
    if not model or not _MODEL.fullmatch(model):
        return unsupported(
            f"{target.provider} needs a model: name one, such as @cf/black-forest-labs/flux-1-schnell", "model"
        )
    account = _account(target)
    if account is None:
        return unsupported(_NO_ACCOUNT)
    name = model.rpartition("/")[2]
    pictures = _pictures(request, target, name)
    if isinstance(pictures, Failure):
        return pictures
    encoded = encode(_fields(name), request.params)
    path = f"/accounts/{account}/ai/run/{model}"
    if name.startswith(_FORMS):
        form = [FormField(key, text_of(value)) for key, value in encoded.body.items()]
        form += [FormField(key, picture) for key, picture in pictures.items()]
        received = yield from send(Send("POST", path, form=tuple(form)))
    else:
        received = yield from send(Send("POST", path, json={**encoded.body, **pictures}))
    return adapted(_understood(received, target.provider), encoded.adaptations)


def _fields(name: str) -> tuple[Field, ...]:
    return next((fields for start, fields in _FIELDS.items() if name.startswith(start)), _DIFFUSION)


def _pictures(request: ImageRequest, target: Target, name: str) -> Mapping[str, Embedded] | Failure:
    if request.mask is not None and name.endswith("-inpainting"):
        return unsupported(f"{request.model} reads masks as lists of numbers only, which are not sent", "mask")
    refused = no_mask(request, target)
    if refused is not None or not request.images:
        return refused or {}
    if name.startswith(_FORMS):
        if len(request.images) > _MOST_IMAGES:
            return unsupported(f"{request.model} works on {_MOST_IMAGES} pictures at most", "image")
        return {
            f"input_image_{number}": Embedded(upload=upload, form="bytes")
            for number, upload in enumerate(request.images)
        }
    if not name.startswith(_REPAINTING):
        return cannot(request, target)
    if len(request.images) > 1:
        return unsupported(f"{request.model} works on one picture", "image")
    return {"image_b64": Embedded(upload=request.images[0])}


def _understood(received: Received, provider: str) -> Outcome:
    if received.status not in _SUCCESS:
        return failure_from(received, provider, _CODES)
    # Which models answer with bytes is not documented for all of them: the answer itself says so.
    if received.headers.get("content-type", "").startswith("image/") or received.body.startswith(_MAGIC):
        return reply_of([Picture(data=received.body)], provider)
    match received.json():
        case {"success": False} as body:
            return failure_inside(received, body, provider, _CODES)
        case {"result": {"image": text}} | {"image": text} | {"result": str(text)}:
            return reply_of([picture_of(text)], provider)
        case {"errors": [_, *_]} as body:
            return failure_inside(received, body, provider, _CODES)
        case {"result": dict() | None}:
            return reply_of((), provider)
        case _:
            return unreadable(received, provider, _CODES)


def _base_url(target: Target) -> str:
    """Return the base URL, once it is sure that there is an account to ask."""
    if _account(target) is None:
        raise MissingField(_NO_ACCOUNT)
    return "https://api.cloudflare.com/client/v4"


def _account(target: Target) -> str | None:
    account = target.options.get("workers_ai_account_id")
    return account if isinstance(account, str) and _ACCOUNT.fullmatch(account) else None


ADAPTERS = (
    Adapter(
        name="workers-ai",
        base_url=_base_url,
        authorize=key_in(),
        flow=_flow,
        fields=ProviderFields(options=("workers_ai_account_id",), needs=("workers_ai_account_id",)),
        n_max=1,
    ),
)
