"""Where a connection leads: what aiohttp's connector needs to know of a request, made once for each address."""

import functools
from dataclasses import dataclass

from aiohttp.client_reqrep import ConnectionKey
from yarl import URL


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a provider, in the form of the request that the connector asks for."""

    url: URL
    connection_key: ConnectionKey
    request_line_end: bytes
    """What follows method and path: version and Host."""
    ssl: bool = True
    proxy: None = None
    server_hostname: None = None

    @property
    def host(self) -> str:
        """The host's name or address."""
        return self.connection_key.host

    @property
    def port(self) -> int | None:
        """The port, the scheme's own where none was written."""
        return self.connection_key.port

    def is_ssl(self) -> bool:
        """Whether the connection is encrypted."""
        return self.connection_key.is_ssl


@functools.lru_cache(maxsize=1024)
def origin_of(url: URL) -> Origin:
    """Return where a URL leads; of the URL its origin is enough."""
    if url.scheme not in {"http", "https"} or url.raw_host is None:
        raise ValueError(f"{url.scheme or 'no scheme'} is not http or https")
    return Origin(
        url.origin(),
        ConnectionKey(
            host=url.raw_host,
            port=url.port,
            is_ssl=url.scheme == "https",
            ssl=True,
            proxy=None,
            proxy_auth=None,
            proxy_headers_hash=None,
        ),
        f" HTTP/1.1\r\nhost: {url.host_port_subcomponent}\r\n".encode(),
    )
