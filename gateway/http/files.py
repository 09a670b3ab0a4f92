"""`GET /v1/images/files/{name}`: pictures that the gateway keeps, for whoever has a link to them."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.delivery import Delivery, Kept
from gateway.delivery.store import THREADS, in_thread
from gateway.errors import GatewayError, NotAllowed, Overloaded
from gateway.http import reply

_log = logging.getLogger("gateway.http")

_SAFE = {
    "x-content-type-options": "nosniff",
    # A picture may be SVG, which is a document: none of its scripts runs in our name.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "cross-origin-resource-policy": "cross-origin",
    "accept-ranges": "none",
}


class Files:
    """The endpoint."""

    def __init__(self, delivery: Delivery) -> None:
        """Serve what is kept there."""
        self._delivery = delivery

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            return await self._answer(request)
        except GatewayError as caught:
            return reply.response(caught)

    async def _answer(self, request: Request) -> Response:
        store, links = self._delivery.store, self._delivery.links
        name = request.path_params["name"]
        if store is None or links is None:
            raise _gone()
        match links.judge(name, request.scope["query_string"].decode("latin-1"), time.time()):  # noqa: TID251 - links end by the wall clock
            case "forged":
                raise NotAllowed("This link is not one of ours as it stands: use it as it was given, query and all.")
            case "expired":
                raise NotAllowed("This link has expired: ask for the picture again, or for a longer delivery.url_ttl.")
        tag = f'"{name.partition(".")[0]}"'
        headers = {**_SAFE, "etag": tag, "cache-control": "private, max-age=3600, immutable"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        try:
            kept = await in_thread(store.get, name)
        except OSError as error:
            _log.error("a picture cannot be read: %s", error.strerror or error)
            raise Overloaded(
                "The place where pictures are kept cannot be reached at the moment: try again later.",
                headers={"retry-after": "5"},
            ) from None
        if kept is None:
            raise _gone()
        headers["content-length"] = str(kept.size)
        extension = name.rpartition(".")[2]
        kind = "image/svg+xml" if extension == "svg" else f"image/{extension}"
        if request.method == "HEAD":
            kept.close()
            return Response(headers=headers, media_type=kind)
        return StreamingResponse(_read(kept), headers=headers, media_type=kind)


async def _read(kept: Kept) -> AsyncIterator[bytes]:
    reading = THREADS.submit(next, kept.chunks, None)
    try:
        while chunk := await asyncio.wrap_future(reading):
            yield chunk
            reading = THREADS.submit(next, kept.chunks, None)
    finally:
        # Where the caller left, a slice may still be on its way: only behind it can the picture be closed.
        reading.add_done_callback(lambda _: kept.close())


def _gone() -> GatewayError:
    return GatewayError(
        "This picture is not kept here any more: ask for it again.", status=404, code="picture_not_found"
    )
