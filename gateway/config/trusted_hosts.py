"""Which hosts the operator trusts although they are private: `10.0.0.5:8080`, `.svc.cluster.local`."""

import ipaddress
import re
from collections.abc import Callable, Iterable

_NAME = re.compile(r"\.?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_BRACKETED = re.compile(r"\[([0-9a-f:.]*:[0-9a-f:.]*)\](?::(.*))?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LAST_PORT = 65535


def host_matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return whether a `host` or `host:port` is trusted: a pattern without a port trusts every port of its hosts."""
    exact: set[tuple[str, str]] = set()
    suffixes: set[tuple[str, str]] = set()
    for pattern in patterns:
        parts = _parts(pattern)
        if parts is not None:
            (suffixes if parts[0].startswith(".") else exact).add(parts)

    def trusted(authority: str) -> bool:
        parts = _parts(authority)
        if parts is None or parts[0].startswith("."):
            return False
        host, port = parts
        if (host, port) in exact or (host, "") in exact:
            return True
        # The end of an address says nothing about its owner, as the end of a name does.
        return not _is_address(host) and any(
            host.endswith(suffix) and host != suffix and wanted in {"", port} for suffix, wanted in suffixes
        )

    return trusted


def fault_of_pattern(pattern: str) -> str | None:
    """Return what to write instead where a pattern can never match."""
    if "://" in pattern or "/" in pattern:
        return "must be a host without scheme and path, such as `images.internal:8080`"
    if "*" in pattern:
        return "must not hold `*`; write `.example.internal` for all hosts under a name"
    if _parts(pattern) is None:
        return "must be `host`, `host:port` or `.suffix`"
    return None


def _parts(authority: str) -> tuple[str, str] | None:
    """Return host and port in one spelling; an absent port is empty."""
    text = authority.strip().lower()
    if bracketed := _BRACKETED.fullmatch(text):
        host, port = bracketed[1], bracketed[2] or ""
    elif text.count(":") > 1:
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    host = host.removesuffix(".")
    if port and (not _PORT.fullmatch(port) or int(port) > _LAST_PORT):
        return None
    if ":" in host:
        return (str(ipaddress.ip_address(host)), port) if _is_address(host) else None
    return (host, port) if _NAME.fullmatch(host) else None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
