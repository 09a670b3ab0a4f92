"""Where a provider is and how one identifies to it, for all whose address and header do not depend on the target."""

from collections.abc import Callable, Mapping

from gateway.wire import MissingCredential, MissingField, Target


def at(url: str) -> Callable[[Target], str]:
    """Return the base URL of a provider that has one for everybody."""
    return lambda _target: url


def nowhere(target: Target) -> str:
    """Refuse to guess the address of a server that each operator runs at their own."""
    raise MissingField(
        f"{target.provider} has no address of its own: set `custom_host` to the server's base URL,"
        " such as http://127.0.0.1:8080/v1"
    )


def key_in(header: str = "Authorization", prefix: str = "Bearer ") -> Callable[[Target], Mapping[str, str]]:
    """Return how the `api_key` is sent."""

    def authorize(target: Target) -> Mapping[str, str]:
        key = target.credentials.get("api_key")
        if key is None:
            raise missing_key(target)
        return {header: prefix + key.reveal()}

    return authorize


def key_if_any(target: Target) -> Mapping[str, str]:
    """Send the `api_key` of a server that may want one."""
    key = target.credentials.get("api_key")
    return {} if key is None else {"Authorization": f"Bearer {key.reveal()}"}


def missing_key(target: Target) -> MissingCredential:
    """Return what to raise where there is no key."""
    return MissingCredential(
        f"{target.provider} needs a key: give the target an `api_key` or a `virtual_key`,"
        f" or send `Authorization: Bearer …` along with `x-portkey-provider: {target.provider}`"
    )
