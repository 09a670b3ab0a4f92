"""Azure OpenAI: OpenAI's format under deployments, in two generations of addresses."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from gateway.dialect.answers import outcome_of
from gateway.dialect.openai_body import sending
from gateway.dialect.unable import cannot, unsupported
from gateway.images import ImageRequest
from gateway.wire import Adapter, Flow, MissingCredential, MissingField, ProviderFields, Target, send

# The oldest version in which the deployments path takes the gpt-image family.
_DEFAULT_API_VERSION = "2025-04-01-preview"
_V1 = frozenset({"v1", "latest", "preview"})
# A label of a host name and nothing more: anything else could lead the key to another host.
_RESOURCE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?", re.ASCII)


def _flow(request: ImageRequest, target: Target) -> Flow:
    deployment = target.options.get("azure_deployment_id") or request.model
    if not deployment:
        return unsupported(
            "azure-openai needs a deployment: set `azure_deployment_id` on the target, or name it as `model`", "model"
        )
    if request.operation == "vary":
        return cannot(request, target)
    operation = "edits" if request.operation == "edit" else "generations"
    body = {name: value for name, value in request.params.items() if name != "model"}
    version = str(target.options.get("azure_api_version") or _DEFAULT_API_VERSION)
    if version in _V1:
        path = f"/v1/images/{operation}" + ("?api-version=preview" if version == "preview" else "")
        body["model"] = str(deployment)
    else:
        # No `model` here: gpt-image-2 deployments answer 400 to it (BerriAI/litellm#26316).
        where = f"/deployments/{quote(str(deployment), safe='')}"
        path = f"{where}/images/{operation}?api-version={quote(version, safe='')}"
    received = yield from send(sending(path, request, body))
    return outcome_of(received, target.provider)


def _authorize(target: Target) -> Mapping[str, str]:
    beta = target.options.get("openai_beta")
    headers = {} if beta is None else {"OpenAI-Beta": str(beta)}
    token = target.credentials.get("azure_ad_token")
    if token is not None:
        return {"Authorization": f"Bearer {token.reveal()}", **headers}
    key = target.credentials.get("api_key")
    if key is not None:
        return {"api-key": key.reveal(), **headers}
    raise MissingCredential(
        f"{target.provider} needs a credential: give the target an `api_key`, an `azure_ad_token` or a `virtual_key`,"
        f" or send `Authorization: Bearer …` along with `x-portkey-provider: {target.provider}`"
    )


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
            credentials=("api_key", "azure_ad_token"),
            options=(
                *("azure_resource_name", "azure_deployment_id", "azure_api_version", "azure_model_name"),
                "openai_beta",
            ),
            needs=("azure_deployment_id",),
            host_option="azure_resource_name",
        ),
    ),
)
