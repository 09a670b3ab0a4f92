"""The body of a request, in whichever form it comes → the parameters that the rest of the gateway works with."""

import asyncio
import string
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive

from gateway.errors import BodyTooLarge, GatewayError, Overloaded, UnsupportedEncoding
from gateway.http.body import pour_body, read_body, unless_gone
from gateway.http.decode import json_object, kind_of
from gateway.http.form import Form
from gateway.http.spool import Closing, Spool
from gateway.http.uploads import checked, described, from_data_url, upload_of
from gateway.images import Upload
from gateway.transport import UNCOUNTED, Room

JSON_EDIT_BYTES = 64 << 20
"""A JSON request may hold this much where it holds pictures."""

Fetch = Callable[[str, str, Room], Awaitable[bytes]]
"""Given a link, the parameter it stands in, and where its bytes count, returns the picture; raises `GatewayError`."""

_BIG = 1 << 18
_COPIES = 3
"""A picture in JSON is in memory as often as this at a time: as it came, as text, and decoded."""
_ROOM_SECONDS = 2.0
"""Who brings pictures waits this long for room, as whoever is let in late holds up others."""
_LINKS_SECONDS = 30.0
_PICTURES = ("image", "images", "mask")
_BASE64 = (string.ascii_letters + string.digits + "+/=-_\\").encode()


@dataclass(frozen=True, slots=True)
class Incoming:
    """How requests are read."""

    max_json_bytes: int
    max_upload_bytes: int
    fetch: Fetch

    async def params(
        self, path: str, headers: Mapping[str, str], receive: Receive, room: Room, closing: Closing
    ) -> dict[str, Any]:
        """Return the parameters; what has to be closed when the request is answered goes to `closing`."""
        length = headers.get("content-length")
        declared = None if length is None else int(length)
        if path.endswith("/generations"):
            params = json_object(await read_body(receive, limit=self.max_json_bytes, declared=declared), headers)
            if params.keys().isdisjoint(_PICTURES):
                return params
            await unless_gone(self._take_pictures(params, room, closing), receive)
        elif kind_of(headers) == "multipart/form-data":
            form = Form(headers["content-type"], closing)
            await pour_body(receive, form.feed, limit=self.max_upload_bytes, declared=declared)
            params = await form.params()
        elif path.endswith("/variations"):
            raise UnsupportedEncoding("Send a variation as multipart/form-data, with the picture as the file `image`.")
        else:
            limit = max(self.max_json_bytes, JSON_EDIT_BYTES)
            spool = Spool()
            closing.append(spool.close)
            await pour_body(receive, spool.write, limit=limit, declared=declared)
            params = await unless_gone(self._read(spool, headers, room, closing), receive)
        checked(params, needs_image=not path.endswith("/generations"))
        return params

    async def _read(self, spool: Spool, headers: Mapping[str, str], room: Room, closing: Closing) -> dict[str, Any]:
        """Return the parameters of a JSON request that may hold pictures."""
        await spool.finish()
        size, held = _COPIES * spool.size, room.held
        if size > UNCOUNTED:
            await _take(room, size)
        body = await asyncio.to_thread(spool.at, 0, spool.size)
        if spool.size > self.max_json_bytes:
            rest = len(body.translate(None, _BASE64))  # what is no picture costs many times its bytes once it is read
            if rest > self.max_json_bytes:
                raise BodyTooLarge(f"Beside its pictures, a JSON request may take {self.max_json_bytes} bytes.")
        params = json_object(body, headers)
        del body
        await self._take_pictures(params, room, closing)
        room.give(room.held - held)  # by now the pictures lie in spools
        return params

    async def _take_pictures(self, params: dict[str, Any], room: Room, closing: Closing) -> None:
        """Put the pictures that a JSON request holds or names in the place of their addresses."""
        if "image" in params and "images" in params:
            raise GatewayError("Send the pictures as `image` or as `images`, not both.", param="images")
        fetching = _Fetching(self, room, closing)
        written = params.pop("images", None) or params.pop("image", None)
        if written is not None:
            params["image"] = [await fetching.upload(one, "image") for one in described(written, "image")]
        if "mask" in params:
            found = described(params["mask"], "mask")
            if len(found) > 1:
                raise GatewayError("Invalid mask: send one", code="invalid_image", param="mask")
            params["mask"] = await fetching.upload(found[0], "mask")


class _Fetching:
    """The pictures of one JSON request, on their way in."""

    def __init__(self, incoming: Incoming, room: Room, closing: Closing) -> None:
        self._incoming = incoming
        self._room = room
        self._closing = closing
        self._until = asyncio.get_running_loop().time() + _LINKS_SECONDS
        self._size = 0

    async def upload(self, address: str, param: str) -> Upload:
        if address[:8].lower().startswith(("https://", "http://")):
            return upload_of(await self._fetched(address, param), param)
        if len(address) <= _BIG:
            return upload_of(from_data_url(address, param), param)
        picture = await asyncio.to_thread(from_data_url, address, param)
        return upload_of(await self._put_aside(picture.at(0, picture.size)), param)

    async def _fetched(self, address: str, param: str) -> Spool:
        """Return what a link leads to."""
        room, held = self._room, self._room.held
        try:
            async with asyncio.timeout_at(self._until):
                data = await self._incoming.fetch(address, param, room)
        except TimeoutError:
            raise GatewayError(
                f"Invalid {param}: the links could not be followed within {_LINKS_SECONDS:.0f} s",
                code="invalid_image",
                param=param,
            ) from None
        self._size += len(data)
        if self._size > self._incoming.max_upload_bytes:
            most = self._incoming.max_upload_bytes
            raise BodyTooLarge(f"The pictures of a request may take {most} bytes together: link to smaller ones.")
        spool = await self._put_aside(data)
        room.give(room.held - held)
        return spool

    async def _put_aside(self, data: bytes) -> Spool:
        """Return a picture as it waits: while the next one comes it takes no memory."""
        spool = Spool()
        self._closing.append(spool.close)
        await spool.write(data)
        await spool.finish()
        return spool


async def _take(room: Room, size: int) -> None:
    try:
        async with asyncio.timeout(_ROOM_SECONDS):
            await room.take(size, last=True)
    except TimeoutError:
        raise Overloaded(
            "The gateway has no room for this upload at the moment: send it again later, or a smaller one.",
            headers={"retry-after": "5"},
        ) from None
