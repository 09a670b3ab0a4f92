"""Azure OpenAI: OpenAI's format under deployments, in two generations of addresses."""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from gateway.dialect.answers import adapted, outcome_of
from gateway.dialect.encode import without
from gateway.dialect.errors import failure_from
from gateway.dialect.openai_body import sending, spoken
from gateway.dialect.unable import cannot, unsupported
from gateway.dialect.words import identifier
from gateway.images import ImageRequest
from gateway.secret import Secret
from gateway.wire import (
    Adapter,
    Flow,
    Minted,
    Minting,
    MissingCredential,
    MissingField,
    ProviderFields,
    Received,
    Send,
    Target,
    send,
)
from strategies import Cause, Failure

# The oldest version in which the deployments path takes the gpt-image family.
_DEFAULT_API_VERSION = "2025-04-01-preview"
# A deployment's own name says nothing: it may be of any model, and all others refuse to be asked for a form.
_OF_TWO_FORMS = "dall-e"
_V1 = frozenset({"v1", "latest", "preview"})
# A label of a host name and nothing more: anything else could lead the key to another host.
_RESOURCE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?", re.ASCII)
_SUCCESS = range(200, 300)
_SIGN_IN = "https://login.microsoftonline.com"
_SCOPE = "https://cognitiveservices.azure.com/.default"
_CLIENT, _CLIENT_SECRET, _TENANT = "azure_entra_client_id", "azure_entra_client_secret", "azure_entra_tenant_id"
# One segment of a path and nothing more: a directory's id, or its domain.
_TENANT_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
# Any other status is Entra's own trouble, and nothing is wrong with the application.
_TURNED_AWAY = frozenset(range(400, 500)) - {408, 429}
_SHORTEST_LIFE = 60.0


def _flow(request: ImageRequest, target: Target) -> Flow:
    deployment = target.options.get("azure_deployment_id") or request.model
    if not deployment:
        return unsupported(
            "azure-openai needs a deployment: set `azure_deployment_id` on the target, or name it as `model`", "model"
        )
    if request.operation == "vary":
        return cannot(request, target)
    operation = "edits" if request.operation == "edit" else "generations"
    options = target.options
    encoded = spoken(request, one_form=_OF_TWO_FORMS not in str(options.get("azure_model_name") or deployment))
    body = without(encoded.body, {"model"})
    version = str(options.get("azure_api_version") or options.get("api_version") or _DEFAULT_API_VERSION)
    if version in _V1:
        path = f"/v1/images/{operation}" + ("?api-version=preview" if version == "preview" else "")
        body["model"] = str(deployment)
    else:
        # No `model` here: gpt-image-2 deployments answer 400 to it (BerriAI/litellm#26316).
        where = f"/deployments/{quote(str(deployment), safe='')}"
        path = f"{where}/images/{operation}?api-version={quote(version, safe='')}"
    received = yield from send(sending(path, request, body))
    return adapted(outcome_of(received, target.provider), encoded.adaptations)


def _authorize(target: Target) -> Mapping[str, str]:
    beta = target.options.get("openai_beta")
    headers = {} if beta is None else {"OpenAI-Beta": str(beta)}
    token = target.credentials.get("azure_ad_token")
    if token is not None:
        return {"Authorization": f"Bearer {token.reveal()}", **headers}
    if _signs_in(target):
        _application(target)
        return headers  # the token that Entra gives is all that is ever sent
    key = target.credentials.get("api_key")
    if key is not None:
        return {"api-key": key.reveal(), **headers}
    raise MissingCredential(
        f"{target.provider} needs a credential: give the target an `api_key`, an `azure_ad_token`, an"
        f" `{_CLIENT_SECRET}` or a `virtual_key`,"
        f" or send `Authorization: Bearer …` along with `x-portkey-provider: {target.provider}`"
    )


def _signs_in(target: Target) -> bool:
    return _CLIENT_SECRET in target.credentials or target.options.get("azure_auth_mode") == "entra"


def _application(target: Target) -> tuple[str, str, Secret]:
    """Return tenant, client id and client secret of the application that signs in."""
    tenant, client, secret = (
        target.options.get(_TENANT),
        target.options.get(_CLIENT),
        target.credentials.get(_CLIENT_SECRET),
    )
    if secret is None:
        raise MissingCredential(f"{target.provider} with `azure_auth_mode: entra` needs `{_CLIENT_SECRET}`")
    for name, value in ((_CLIENT, client), (_TENANT, tenant)):
        if not value:
            raise MissingField(f"{target.provider} with an `{_CLIENT_SECRET}` needs `{name}`")
    if not isinstance(tenant, str) or not _TENANT_NAME.fullmatch(tenant):
        raise MissingField(f"`{_TENANT}` is the id or the domain of a directory alone: letters, digits, dots, hyphens")
    return tenant, str(client), secret


def _mint(target: Target, _at: float) -> Minting | None:
    if "azure_ad_token" in target.credentials or not _signs_in(target):
        return None
    return _signed_in(target, *_application(target))


def _signed_in(target: Target, tenant: str, client: str, secret: Secret) -> Minting:
    """Have Entra trade the application's secret for a token."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "client_secret": secret.reveal(),
        "scope": str(target.options.get("azure_entra_scope") or _SCOPE),
    }
    received = yield from send(
        Send(
            "POST",
            f"{_SIGN_IN}/{tenant}/oauth2/v2.0/token",
            headers={"content-type": "application/x-www-form-urlencoded"},
            data=urlencode(form).encode(),
        )
    )
    if received.status not in _SUCCESS:
        turned_away = received.status in _TURNED_AWAY
        return _turned_away(received) if turned_away else failure_from(received, "Microsoft Entra")
    match received.json():
        case {"access_token": str(token)} as answer if token:
            return Minted({"azure_ad_token": Secret(token)}, _lasting(answer.get("expires_in")))
        case _:
            return Failure(
                cause=Cause.PROVIDER_ERROR, message="Microsoft Entra answered without a token", status=received.status
            )


def _turned_away(received: Received) -> Failure:
    # Entra's own sentence is left out: it quotes the ids of application and directory.
    code = None
    match received.json():
        case {"error": str(error)}:
            code = identifier(error)
    told = f"{received.status}" if code is None else f"{received.status} {code}"
    return Failure(
        cause=Cause.AUTH,
        message=f"Microsoft Entra refused the application ({told}): check `{_CLIENT}`, `{_CLIENT_SECRET}`, `{_TENANT}`"
        " and `azure_entra_scope`",
        status=received.status,
        provider_code=code,
    )


def _lasting(seconds: object) -> float:
    match seconds:
        case int() | float():
            return max(_SHORTEST_LIFE, float(seconds))
        case str() if seconds.isascii() and seconds.isdigit():  # as older endpoints write it
            return max(_SHORTEST_LIFE, float(seconds))
        case _:
            return _SHORTEST_LIFE


def _base_url(target: Target) -> str:
    resource = target.options.get("azure_resource_name")
    if resource is None:
        raise MissingField(
            f"{target.provider} needs `azure_resource_name` (the first word of https://NAME.openai.azure.com),"
            " or a `custom_host` that ends in /openai"
        )
    if not isinstance(resource, str) or not _RESOURCE_NAME.fullmatch(resource):
        raise MissingField(
            "`azure_resource_name` is the first word of https://NAME.openai.azure.com alone: letters, digits, hyphens"
        )
    return f"https://{resource}.openai.azure.com/openai"


ADAPTERS = (
    Adapter(
        name="azure-openai",
        base_url=_base_url,
        authorize=_authorize,
        flow=_flow,
        fields=ProviderFields(
            credentials=("api_key", "azure_ad_token", _CLIENT_SECRET),
            options=(
                *("azure_resource_name", "azure_deployment_id", "azure_api_version", "azure_model_name"),
                *("azure_auth_mode", _CLIENT, _TENANT, "azure_entra_scope"),
                *("api_version", "openai_beta"),
            ),
            needs=("azure_deployment_id",),
            host_option="azure_resource_name",
        ),
        mint=_mint,
    ),
)
