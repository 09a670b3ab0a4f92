"""OpenAI, and the servers that speak its image API under an address of their own."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.images import ImageRequest
from gateway.providers.openai_answers import outcome_of
from gateway.wire import Adapter, Flow, MissingCredential, MissingField, Send, Target, send

_ACCOUNT_HEADERS = {
    "openai_organization": "OpenAI-Organization",
    "openai_project": "OpenAI-Project",
    "openai_beta": "OpenAI-Beta",
}


def _flow(request: ImageRequest, target: Target) -> Flow:
    received = yield from send(Send("POST", "/images/generations", json=request.params))
    return outcome_of(received, target.provider)


def _authorize(target: Target) -> Mapping[str, str]:
    if "api_key" not in target.credentials:
        raise MissingCredential(
            f"{target.provider} needs a key: give the target an `api_key` or a `virtual_key`,"
            f" or send `Authorization: Bearer …` along with `x-portkey-provider: {target.provider}`"
        )
    return _authorize_if_possible(target)


def _authorize_if_possible(target: Target) -> Mapping[str, str]:
    headers = {header: str(target.options[name]) for name, header in _ACCOUNT_HEADERS.items() if name in target.options}
    key = target.credentials.get("api_key")
    return headers if key is None else {"Authorization": f"Bearer {key.reveal()}", **headers}


def _no_base_url(target: Target) -> str:
    raise MissingField(
        f"{target.provider} has no address of its own: set `custom_host` to the server's base URL,"
        " such as http://127.0.0.1:8080/v1"
    )


OPENAI = Adapter(
    name="openai",
    base_url=lambda _target: "https://api.openai.com/v1",
    authorize=_authorize,
    flow=_flow,
)

OPENAI_COMPATIBLE = replace(OPENAI, name="openai-compatible", base_url=_no_base_url, authorize=_authorize_if_possible)
