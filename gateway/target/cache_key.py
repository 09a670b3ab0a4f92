"""What makes two requests the same to the cache of a target."""

import hashlib

from gateway.images import ImageRequest
from gateway.state import canonical
from gateway.target.leaf import ImageTarget
from gateway.target.pools import identity_of
from gateway.target.prepare import Prepared

NAMESPACE = "x-portkey-cache-namespace"
_FOUND_BY = ("host", "x-forwarded-proto")
"""Headers that links of our own are made from."""


async def key_of(request: ImageRequest, prepared: Prepared, target: ImageTarget, version: str, variants: int) -> bytes:
    """Return the digest of all that the answer depends on, whose it is, and how it was asked for.

    What several callers see in turn is not theirs: with variants, who asks is left out.
    """
    spec, wanted = target.spec, target.wanted(request)
    params, metadata = prepared.request.params, request.metadata
    if variants > 1:
        params = {name: value for name, value in params.items() if name != "user"}
        metadata = {name: value for name, value in metadata.items() if name != "_user"}
    links = _FOUND_BY if wanted == "url" or spec.persist else ()
    parts = [
        request.tenant,
        version,
        spec.path,
        _identity(request, target),
        spec.options,
        [spec.persist, spec.verify, spec.url_ttl, spec.adapt],
        {name: request.headers.get(name) for name in (*spec.forward_headers, *links, NAMESPACE)},
        request.operation,
        params,
        list(map(str, prepared.adaptations)),
        wanted,
        request.params.get("stream") is True,
        metadata,
    ]
    return hashlib.sha256(await canonical(parts)).digest()


def caller_of(request: ImageRequest) -> str:
    """Return who asks, as far as it says so."""
    return request.metadata.get("_user") or str(request.params.get("user") or request.tenant)


def _identity(request: ImageRequest, target: ImageTarget) -> str:
    if not target.spec.passthrough:
        return target.identity.hex()
    return identity_of(target.spec.provider, target.base_url, target.wire_for(request).credentials).hex()
