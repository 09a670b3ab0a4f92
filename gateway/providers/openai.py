"""OpenAI, and the servers that speak its image API under an address of their own."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.dialect.address import missing_key, nowhere
from gateway.dialect.answers import adapted, outcome_of
from gateway.dialect.openai_body import sending, spoken
from gateway.images import ImageRequest
from gateway.wire import Adapter, Flow, ProviderFields, Target, send

_ACCOUNT_HEADERS = {
    "openai_organization": "OpenAI-Organization",
    "openai_project": "OpenAI-Project",
    "openai_beta": "OpenAI-Beta",
}
_PATHS = {"generate": "/images/generations", "edit": "/images/edits", "vary": "/images/variations"}

# Wherever it stands in a name, be it chatgpt-image-latest or a proxy's openai/gpt-image-2: base64 is all that comes.
_OF_ONE_FORM = "gpt-image"


def _flow(request: ImageRequest, target: Target) -> Flow:
    encoded = spoken(request, one_form=_OF_ONE_FORM in (request.model or ""))
    received = yield from send(sending(_PATHS[request.operation], request, encoded.body))
    return adapted(outcome_of(received, target.provider), encoded.adaptations)


def _authorize(target: Target) -> Mapping[str, str]:
    if "api_key" not in target.credentials:
        raise missing_key(target)
    return _authorize_if_possible(target)


def _authorize_if_possible(target: Target) -> Mapping[str, str]:
    headers = {header: str(target.options[name]) for name, header in _ACCOUNT_HEADERS.items() if name in target.options}
    key = target.credentials.get("api_key")
    return headers if key is None else {"Authorization": f"Bearer {key.reveal()}", **headers}


_OPENAI = Adapter(
    name="openai",
    base_url=lambda _target: "https://api.openai.com/v1",
    authorize=_authorize,
    flow=_flow,
    fields=ProviderFields(options=tuple(_ACCOUNT_HEADERS)),
)

ADAPTERS = (
    _OPENAI,
    replace(
        _OPENAI,
        name="openai-compatible",
        base_url=nowhere,
        authorize=_authorize_if_possible,
        fields=ProviderFields(needs_credential=False, has_own_host=False),
    ),
)
