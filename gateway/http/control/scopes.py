"""Scopes as requests name them: Portkey has several words where there is one thing here."""

from gateway.config.scopes import SCOPES, fault_of_scope

_SAME = {
    "workspace_user_api_keys": "workspace_service_api_keys",
    "organisation_service_api_keys": "workspace_service_api_keys",
    "providers": "virtual_keys",
}
"""Every API key belongs to one workspace; a provider with a credential is a virtual key."""


_SAME_ACTS = {"virtual_keys.copy": "virtual_keys.read", "virtual_keys.duplicate": "virtual_keys.create"}
"""Nothing of a virtual key can be copied but what can be read; a duplicate is made like any other."""


def scope_of(written: str) -> str:
    """Return the scope that is meant, as it is written where nothing is known of it."""
    what, dot, how = written.partition(".")
    meant = f"{_SAME.get(what, what)}{dot}{how}"
    meant = _SAME_ACTS.get(meant, meant)
    return meant if meant in SCOPES else written


def faults_of_scopes(written: object) -> list[tuple[tuple[int, ...], str]]:
    """Return what is wrong with a list of scopes, each fault with where it is."""
    if not isinstance(written, list) or not written:
        return [((), "`scopes` must list at least one scope, such as completions.write.")]
    faults: list[tuple[tuple[int, ...], str]] = []
    for index, scope in enumerate(written):
        fault = fault_of_scope(scope_of(scope)) if isinstance(scope, str) else "A scope is a text."
        if fault is not None:
            faults.append(((index,), fault))
    return faults
