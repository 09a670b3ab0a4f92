"""Which fields belong to which provider, which of them are secret, and what a provider cannot do without."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFields:
    """The row of one provider."""

    credentials: tuple[str, ...] = ()
    """Secret fields, each enough to be let in."""
    options: tuple[str, ...] = ()
    needs_credential: bool = True
    needs: tuple[str, ...] = ()
    has_own_host: bool = True
    """Whether there is anything to send to without `custom_host`."""
    host_option: str | None = None
    """The option that makes up the host: needed unless there is a `custom_host`, and guarded like one."""
    remote: bool = True
    """Whether anything is sent over the network at all."""


FIELDS = {
    "openai": ProviderFields(
        credentials=("api_key",), options=("openai_organization", "openai_project", "openai_beta")
    ),
    "azure-openai": ProviderFields(
        credentials=("api_key", "azure_ad_token"),
        options=(
            *("azure_resource_name", "azure_deployment_id", "azure_api_version", "azure_model_name"),
            "openai_beta",
        ),
        needs=("azure_deployment_id",),
        host_option="azure_resource_name",
    ),
    "openai-compatible": ProviderFields(credentials=("api_key",), needs_credential=False, has_own_host=False),
    "sandbox": ProviderFields(needs_credential=False, remote=False),
}

ALL_FIELDS = tuple(dict.fromkeys(field for row in FIELDS.values() for field in (*row.credentials, *row.options)))
SECRET_FIELDS = frozenset(field for row in FIELDS.values() for field in row.credentials)


def owners(field: str) -> list[str]:
    """Return the providers a field belongs to."""
    return [slug for slug, row in FIELDS.items() if field in (*row.credentials, *row.options)]
