"""Where a step of a conversation goes: whether its host may be reached, and whether it may see the credential."""

import functools
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarl import URL

from gateway.wire import Adapter, joined
from strategies import Cause, Failure

if TYPE_CHECKING:
    from gateway.target.leaf import ImageTarget


def place_of(target: "ImageTarget", path: str) -> tuple[URL, bool, bool] | Failure:
    """Return where a request goes, whether an operator chose that host, and whether it may see the credential."""
    spec = target.spec
    chosen = spec.custom_host is None or spec.custom_host_trusted
    if not path.startswith(("https://", "http://")):
        if path[:1] not in ("", "/", "?"):  # behind the base URL it would change the host's name
            return Failure(
                cause=Cause.INCOMPLETE,
                code="upstream_bad_response",
                message=f"{spec.provider} sent a link that is no http address",
            )
        return _url(joined(target.base_url, path)), chosen, True
    url = _url(path)
    if origin_of(path) == origin_of(target.base_url):
        return url, chosen, True
    if target.outside.trusts(origin_of(path)[1]):
        return url, True, False
    safe = url.scheme == "https"
    if safe or url.host in ("127.0.0.1", "::1", "localhost"):  # whether loopback may be reached, the socket decides
        return url, False, safe and _is_own(target, url.host or "")
    return Failure(
        cause=Cause.INCOMPLETE,
        code="upstream_bad_response",
        message=f"{spec.provider} sent a link without encryption, which is not followed; its host can be allowed by"
        " listing it in trusted_hosts",
    )


def _is_own(target: "ImageTarget", host: str) -> bool:
    adapter = target.adapter
    # A host that was put in the provider's place has its credential, and the provider's own hosts have no part in it.
    home, custom = urlsplit(target.base_url).hostname or "", target.spec.custom_host is not None
    if host == home:
        return not custom
    return _belongs(host, adapter) and (not custom or _belongs(home, adapter))


def _belongs(host: str, adapter: Adapter) -> bool:
    return any(host == own or (own.startswith(".") and host.endswith(own)) for own in adapter.own_hosts)


def origin_of(address: str) -> tuple[str, str]:
    """Return scheme and host of an address."""
    parts = urlsplit(address)
    return parts.scheme, parts.netloc.lower()


@functools.lru_cache(maxsize=1024)
def _url(address: str) -> URL:
    return URL(address, encoded=True)
