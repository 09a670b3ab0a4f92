"""Azure OpenAI: OpenAI's format under deployments, in two generations of addresses."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from gateway.images import ImageRequest
from gateway.providers.openai_answers import outcome_of
from gateway.wire import Adapter, Flow, MissingCredential, MissingField, Send, Target, send
from strategies import Cause, Failure

# The oldest version in which the deployments path takes the gpt-image family.
_DEFAULT_API_VERSION = "2025-04-01-preview"
_V1 = frozenset({"v1", "latest", "preview"})
# A label of a host name and nothing more: anything else could lead the key to another host.
_RESOURCE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?", re.ASCII)


def _flow(request: ImageRequest, target: Target) -> Flow:
    deployment = target.options.get("azure_deployment_id") or request.model
    if not deployment:
        return Failure(
            cause=Cause.UNSUPPORTED,
            message="azure-openai needs a deployment: set `azure_deployment_id` on the target, or name it as `model`",
            reached=False,
            param="model",
        )
    body = {name: value for name, value in request.params.items() if name != "model"}
    version = str(target.options.get("azure_api_version") or _DEFAULT_API_VERSION)
    if version in _V1:
        path = "/v1/images/generations" + ("?api-version=preview" if version == "preview" else "")
        body["model"] = str(deployment)
    else:
        # No `model` here: gpt-image-2 deployments answer 400 to it (BerriAI/litellm#26316).
        path = (
            f"/deployments/{quote(str(deployment), safe='')}/images/generations?api-version={quote(version, safe='')}"
        )
    received = yield from send(Send("POST", path, json=body))
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


AZURE_OPENAI = Adapter(name="azure-openai", base_url=_base_url, authorize=_authorize, flow=_flow)
