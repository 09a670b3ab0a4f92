"""The body of a request, in whichever form it comes → the parameters that the rest of the gateway works with."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive

from gateway.errors import GatewayError, UnsupportedEncoding
from gateway.http.body import pour_body, read_body
from gateway.http.decode import json_object, kind_of
from gateway.http.form import Form
from gateway.http.uploads import checked, described, from_data_url, upload_of
from gateway.images import InMemory, Room, Upload

JSON_EDIT_BYTES = 64 << 20
"""A JSON request may hold this much where it holds pictures."""

Fetch = Callable[[str, str, Room], Awaitable[bytes]]
"""Given a link, the parameter it stands in, and where its bytes count, returns the picture; raises `GatewayError`."""

_BIG = 1 << 18


@dataclass(frozen=True, slots=True)
class Incoming:
    """How requests are read."""

    max_json_bytes: int
    max_upload_bytes: int
    fetch: Fetch

    async def params(
        self, path: str, headers: Mapping[str, str], receive: Receive, room: Room, closing: ExitStack
    ) -> dict[str, Any]:
        """Return the parameters; what has to be closed when the request is answered goes to `closing`."""
        length = headers.get("content-length")
        declared = None if length is None else int(length)
        if path.endswith("/generations"):
            params = json_object(await read_body(receive, limit=self.max_json_bytes, declared=declared), headers)
            if params.keys().isdisjoint(_PICTURES):
                return params
            await self._take_pictures(params, room)
        elif kind_of(headers) == "multipart/form-data":
            form = Form(headers["content-type"], closing)
            await pour_body(receive, form.feed, limit=self.max_upload_bytes, declared=declared)
            params = await form.params()
        elif path.endswith("/variations"):
            raise UnsupportedEncoding("Send a variation as multipart/form-data, with the picture as the file `image`.")
        else:
            limit = max(self.max_json_bytes, JSON_EDIT_BYTES)
            body = await read_body(receive, limit=limit, declared=declared)
            if len(body) > _BIG:
                await room.take(2 * len(body))
            params = json_object(body, headers)
            await self._take_pictures(params, room)
        checked(params, needs_image=not path.endswith("/generations"))
        return params

    async def _take_pictures(self, params: dict[str, Any], room: Room) -> None:
        """Put the pictures that a JSON request holds or names in the place of their addresses."""
        if "image" in params and "images" in params:
            raise GatewayError("Send the pictures as `image` or as `images`, not both.", param="images")
        written = params.pop("images", None) or params.pop("image", None)
        if written is not None:
            params["image"] = [await self._upload(one, "image", room) for one in described(written, "image")]
        if "mask" in params:
            found = described(params["mask"], "mask")
            if len(found) > 1:
                raise GatewayError("Invalid mask: send one", code="invalid_image", param="mask")
            params["mask"] = await self._upload(found[0], "mask", room)

    async def _upload(self, address: str, param: str, room: Room) -> Upload:
        if address[:8].lower().startswith(("https://", "http://")):
            return upload_of(InMemory(await self.fetch(address, param, room)), param)
        if len(address) > _BIG:
            return upload_of(await asyncio.to_thread(from_data_url, address, param), param)
        return upload_of(from_data_url(address, param), param)


_PICTURES = ("image", "images", "mask")
