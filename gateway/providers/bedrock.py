"""AWS Bedrock: one address per model, signed or with a key of its own, and each maker's format behind it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import quote

import orjson

from gateway.dialect import bedrock_amazon, bedrock_stability
from gateway.dialect.answers import adapted
from gateway.dialect.aws import access_key, region_of, signature, way_in
from gateway.dialect.aws_roles import assuming
from gateway.dialect.encode import Encoded
from gateway.dialect.errors import Codes, Said, failure_saying, said_in
from gateway.dialect.unable import unsupported
from gateway.dialect.words import identifier
from gateway.images import ImageRequest
from gateway.wire import Adapter, Flow, Outcome, Outgoing, ProviderFields, Received, Send, Target, send
from strategies import Failure

_SUCCESS = range(200, 300)
_BODY_WORTH_READING = 262_144
# Profiles of a region put words before a model's name (`us.`), ARNs put a whole path there; the version comes after it.
_MODEL = re.compile(r"(?:^|[./:])((?:amazon\.(?:nova-canvas|titan-image)|stability\.)[a-z0-9-]*)", re.ASCII)
_CODES = Codes(
    policy=frozenset({"invalid_prompts"}),
    exhausted=frozenset(
        {
            *("AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException", "InvalidClientTokenId"),
            *("InvalidSignatureException", "IncompleteSignatureException", "MissingAuthenticationTokenException"),
            "ServiceQuotaExceededException",
        }
    ),
    rate_limited=frozenset({"ThrottlingException", "TooManyRequestsException", "ModelNotReadyException"}),
    provider_error=frozenset({"ModelErrorException"}),  # it comes with 424, which would be the caller's fault
)


@dataclass(frozen=True, slots=True)
class _Format:
    encoded: Callable[[ImageRequest, Target], Encoded | Failure]
    understood: Callable[[Received, str], Outcome]


def _flow(request: ImageRequest, target: Target) -> Flow:
    model = request.model
    if not model:
        return unsupported(f"{target.provider} needs a model: name one, such as stability.sd3-5-large-v1:0", "model")
    form = _format(model)
    if form is None:
        return unsupported(
            f"{model} does not say which image model of {target.provider} it is: name the model, such as"
            " stability.sd3-5-large-v1:0, or a profile or an ARN with the model's name in it",
            "model",
        )
    encoded = form.encoded(request, target)
    if isinstance(encoded, Failure):
        return encoded
    received = yield from send(Send("POST", f"/model/{quote(model, safe='')}/invoke", json=encoded.body))
    if received.status not in _SUCCESS:
        return _failure(received, target.provider)
    return adapted(form.understood(received, target.provider), encoded.adaptations)


def _format(model: str) -> _Format | None:
    found = _MODEL.search(model)
    if found is None:
        return None
    name = found[1]
    if name.startswith("amazon."):
        return _Format(bedrock_amazon.encoded, bedrock_amazon.understood)
    if name.startswith("stability.stable-diffusion-xl"):
        return _Format(bedrock_stability.encoded_sdxl, bedrock_stability.understood_sdxl)
    return _Format(partial(bedrock_stability.encoded, model=name), bedrock_stability.understood)


def _failure(received: Received, provider: str) -> Failure:
    """Return the failure of an exception, whose name is in a header or, with its namespace, in the body."""
    body = received.json() if len(received.body) <= _BODY_WORTH_READING else None
    said = said_in(body)
    typed = body.get("__type") if isinstance(body, dict) else None
    name = identifier(received.headers.get("x-amzn-errortype", "").partition(":")[0])
    if name is None and isinstance(typed, str):
        name = identifier(typed.rpartition("#")[2])
    inner = _inner(said)
    kinds = tuple(kind for kind in (name, inner.code, *inner.kinds, *said.kinds) if kind is not None)
    said = replace(said, code=name or said.code, kinds=kinds, message=inner.message or said.message)
    return failure_saying(said, received, provider, _CODES)


def _inner(said: Said) -> Said:
    """Return what a model's own error says, which Bedrock passes on as its message."""
    try:
        body = orjson.loads(said.message or "")
    except orjson.JSONDecodeError:
        return Said()
    return said_in(body)


def _base_url(target: Target) -> str:
    return f"https://bedrock-runtime.{region_of(target)}.amazonaws.com"


def _authorize(target: Target) -> Mapping[str, str]:
    if way_in(target) == "apiKey":
        return {"Authorization": f"Bearer {target.credentials['api_key'].reveal()}"}
    region_of(target)  # is signed along, whatever host the request goes to
    access_key(target)
    return {}


def _sign(target: Target, outgoing: Outgoing) -> Mapping[str, str]:
    if way_in(target) == "apiKey":
        return {}
    return signature(access_key(target), "bedrock", region_of(target), outgoing)


ADAPTERS = (
    Adapter(
        name="bedrock",
        base_url=_base_url,
        authorize=_authorize,
        flow=_flow,
        fields=ProviderFields(
            credentials=("api_key", "aws_secret_access_key"),
            secrets=("aws_session_token",),
            options=(*("aws_access_key_id", "aws_region", "aws_role_arn", "aws_external_id", "aws_auth_type"),),
        ),
        n_max=1,
        mint=assuming,
        sign=_sign,
    ),
)
