"""What a key may be allowed to do, in Portkey's words."""

from gateway.config.suggest import did_you_mean, printable

_CRUD = ("create", "read", "update", "delete", "list")

SCOPES = frozenset(
    {
        "completions.write",
        "feedback.write",
        "analytics.view",
        "logs.write",
        "logs.view",
        "logs.list",
        "logs.export",
        *(f"configs.{word}" for word in _CRUD),
        *(f"virtual_keys.{word}" for word in _CRUD),
        *(f"workspace_service_api_keys.{word}" for word in _CRUD),
    }
)


def fault_of_scope(scope: str) -> str | None:
    """Return what is wrong with a scope, if anything is."""
    return None if scope in SCOPES else f"Unknown scope `{printable(scope)}`{did_you_mean(scope, sorted(SCOPES))}"
