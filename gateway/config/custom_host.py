"""What the URL of a custom host may look like; which addresses it may lead to is decided at the socket."""

import re
from urllib.parse import urlsplit

_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?\.?|[0-9a-f:]*:[0-9a-f:.]*")
_VISIBLE = re.compile(r"[!-~]+")
_FORBIDDEN = frozenset("\\<>\"'`{}|^")


def fault_of_url(url: str) -> str | None:
    """Return what to write instead where a base URL is not acceptable; the URL itself is never repeated."""
    if not _VISIBLE.fullmatch(url) or _FORBIDDEN & set(url):
        return "must be a plain ASCII URL, without spaces, quotes or backslashes"
    try:
        parts = urlsplit(url)
        odd_port = parts.port == 0 or parts.netloc.endswith(":")
    except ValueError:
        return "must be a URL with a valid host and port, such as https://images.example:8443/v1"
    faults = (
        (parts.scheme not in {"http", "https"}, "must start with https:// or http://"),
        ("@" in parts.netloc, "must not hold a user name or password; give the credential as `api_key`"),
        (
            odd_port or not _HOST.fullmatch(parts.hostname or ""),
            "must name a host, such as https://images.example/v1",
        ),
        ("?" in url or "#" in url, "must end with its path: no `?` and no `#`"),
        (
            "%" in parts.path or ".." in parts.path.split("/"),
            "must have a plain path, without `..` and `%`",
        ),
    )
    return next((fault for found, fault in faults if found), None)


def normal_url(url: str) -> str:
    """Return an accepted URL without the slash at its end."""
    return url.rstrip("/")


def authority(url: str) -> str:
    """Return the host of an accepted URL, with its port where it names one."""
    return urlsplit(url).netloc.lower()
