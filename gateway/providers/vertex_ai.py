"""Google Vertex AI: Imagen and Gemini's image models, in a project and a region, signed in to with a token."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from gateway.dialect.gemini import gemini
from gateway.dialect.imagen import imagen, is_imagen
from gateway.dialect.service_account import minting, service_account
from gateway.dialect.unable import unsupported
from gateway.images import ImageRequest
from gateway.wire import Adapter, Flow, Minting, MissingCredential, MissingField, ProviderFields, Target

_KEY_FILE = "vertex_service_account_json"
# How API keys of Google Cloud begin, which are no access tokens.
_KEY_PREFIX, _KEY_HEADER = "AIza", "x-goog-api-key"
_DEFAULT_REGION = "us-central1"
_EVERYWHERE = "global"
# The first word of a host name and nothing more: anything else could lead the token to another host.
_REGION = re.compile(r"[a-z]{2,20}(?:-[a-z]{2,20}[0-9]{0,2}){0,2}", re.ASCII)
# With a company's domain and a colon in front, where a project is that old.
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{0,62}", re.ASCII)


def _flow(request: ImageRequest, target: Target) -> Flow:
    model = request.model or ""
    if not model:
        return unsupported(f"{target.provider} needs a model: name one, such as gemini-3-pro-image", "model")
    try:
        project, region = _project(target), _region(target)
    except MissingField as missing:
        return unsupported(str(missing))
    place = f"/v1/projects/{quote(project, safe=':')}/locations/{region}"
    path = f"{place}/publishers/google/models/{quote(model, safe='@')}"
    talk = imagen if is_imagen(model) else gemini
    return (yield from talk(path, request, target, vertex=True))


def _base_url(target: Target) -> str:
    _project(target)
    region = _region(target)
    return f"https://{'' if region == _EVERYWHERE else f'{region}-'}aiplatform.googleapis.com"


def _region(target: Target) -> str:
    region = target.options.get("vertex_region", _DEFAULT_REGION)
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        raise MissingField("`vertex_region` is the name of a Google Cloud region, such as europe-west4, or `global`")
    return region


def _project(target: Target) -> str:
    project = target.options.get("vertex_project_id")
    key_file = target.credentials.get(_KEY_FILE)
    if project is None and key_file is not None:
        project = service_account(key_file, _KEY_FILE).project
    if project is None:
        raise MissingField(
            f"{target.provider} needs `vertex_project_id`, or a `{_KEY_FILE}` that names its `project_id`"
        )
    if not isinstance(project, str) or not _PROJECT.fullmatch(project):
        raise MissingField("`vertex_project_id` is the id of a Google Cloud project, such as pictures-prod")
    return project


def _authorize(target: Target) -> Mapping[str, str]:
    held = target.credentials
    token = held.get("access_token") or held.get("api_key")
    if token is not None:
        text = token.reveal()
        return {_KEY_HEADER: text} if text.startswith(_KEY_PREFIX) else {"Authorization": f"Bearer {text}"}
    if _KEY_FILE in held:
        return {}  # the token is yet to be minted
    raise MissingCredential(
        f"{target.provider} needs a credential: give the target a `{_KEY_FILE}`, an access token as `api_key`, or a"
        f" `virtual_key`, or send `Authorization: Bearer …` along with `x-portkey-provider: {target.provider}`"
    )


def _mint(target: Target, at: float) -> Minting | None:
    key_file = target.credentials.get(_KEY_FILE)
    if key_file is None or "api_key" in target.credentials:
        return None
    return minting(key_file, _KEY_FILE, target.provider, at)


ADAPTERS = (
    Adapter(
        name="vertex-ai",
        base_url=_base_url,
        authorize=_authorize,
        flow=_flow,
        fields=ProviderFields(
            credentials=("api_key", _KEY_FILE),
            options=("vertex_project_id", "vertex_region"),
        ),
        n_max=1,
        mint=_mint,
    ),
)
