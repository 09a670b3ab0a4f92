"""A multipart request, read as it comes: pictures into spools, everything else into parameters.

The body is taken apart here, by searching for the boundary: what follows one is either as it has to be or the end of
the reading, so that no body costs more than its bytes.
"""

import re
from typing import Any

from python_multipart.multipart import parse_options_header

from gateway.errors import GatewayError
from gateway.http.spool import Closing, Spool
from gateway.http.uploads import IMAGES_MAX, upload_of, value_of

_PARTS = 96
_PREAMBLE_BYTES = 1024
_PART_HEADER_BYTES = 4096
_TEXT_BYTES = 256 * 1024
_PICTURES = re.compile(r"(image|mask)s?(?:\[\d{0,3}\])?")
_BOUNDARY = re.compile(rb"[!-~ ]{0,199}[!-~]")
_DISPOSITION = re.compile(rb"\r\ncontent-disposition:([^\r\n]*)", re.IGNORECASE)
_LINE, _HEAD_END, _LAST = b"\r\n", b"\r\n\r\n", b"--"


class Form:
    """One multipart body on its way in."""

    def __init__(self, content_type: str, closing: Closing) -> None:
        """Read a body of this type; its spools are closed by `closing`."""
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if not _BOUNDARY.fullmatch(boundary):
            raise _malformed("its Content-Type names no boundary")
        self._closing = closing
        self._delimiter = b"\r\n--" + boundary
        self._waiting = bytearray(_LINE)  # as if a line ended there, so that the first boundary is like the others
        self._spools: dict[str, list[Spool]] = {}
        self._texts: dict[str, list[str]] = {}
        self._part: tuple[str, Spool | bytearray] | None = None
        self._in_head = self._ended = False
        self._preamble_bytes = self._parts = self._text_bytes = 0

    async def feed(self, piece: bytes) -> None:
        """Take some of the body."""
        if self._ended:
            return  # an epilogue says nothing
        self._waiting += piece
        while not self._ended and (self._take_head() if self._in_head else await self._take_data()):
            pass

    async def params(self) -> dict[str, Any]:
        """Return what the whole body says."""
        if not self._ended:
            raise _malformed("it ends before its last boundary")
        params: dict[str, Any] = {}
        for name, texts in self._texts.items():
            values = [value_of(name, text) for text in texts]
            params[name.removesuffix("[]") or name] = values if name.endswith("[]") or len(values) > 1 else values[0]
        for name, spools in self._spools.items():
            for spool in spools:
                await spool.finish()
            uploads = [upload_of(spool, name) for spool in spools]
            if name == "mask" and len(uploads) > 1:
                raise GatewayError("Invalid mask: send one", code="invalid_image", param="mask")
            params[name] = uploads[0] if name == "mask" else uploads
        return params

    async def _take_data(self) -> bool:
        """Take what is certain to belong to the part; true where a boundary ended it."""
        waiting, delimiter = self._waiting, self._delimiter
        at = waiting.find(delimiter)
        if at < 0:
            await self._put(len(waiting) - len(delimiter) + 1)
            return False
        await self._put(at)
        after = bytes(waiting[len(delimiter) : len(delimiter) + 2])
        if len(after) < 2:  # noqa: PLR2004 - a line end, or the two hyphens of the last boundary
            return False
        if after not in (_LINE, _LAST):
            raise _malformed("its parts are not separated as its boundary says")
        del waiting[: len(delimiter)]
        self._close()
        self._in_head, self._ended = after == _LINE, after == _LAST
        return True

    def _take_head(self) -> bool:
        end = self._waiting.find(_HEAD_END, 0, _PART_HEADER_BYTES)
        if end >= 0:
            head = bytes(self._waiting[:end])
            del self._waiting[: end + len(_HEAD_END)]
            self._in_head = False
            self._open(head)
            return True
        if len(self._waiting) >= _PART_HEADER_BYTES:
            raise _malformed(f"a part has headers of more than {_PART_HEADER_BYTES} bytes")
        return False

    def _open(self, head: bytes) -> None:
        self._parts += 1
        if self._parts > _PARTS:
            raise _malformed(f"it has more than {_PARTS} parts")
        found = _DISPOSITION.search(head)
        _, options = parse_options_header(b"" if found is None else found[1].strip())
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if not name:
            raise _malformed('a part has no name: Content-Disposition has to be form-data; name="…"')
        picture = _PICTURES.fullmatch(name)
        if picture is None:
            if b"filename" in options:
                raise _mistaken(
                    f"Unknown file field {name[:60]!r}: pictures are sent as image, image[] and mask.", name[:60]
                )
            self._part = name, bytearray()
            return
        if b"filename" not in options:  # not a file: text where a picture belongs is told as such
            self._part = picture[1], bytearray()
            return
        self._part = picture[1], self._new_spool(picture[1])

    def _new_spool(self, name: str) -> Spool:
        spools = self._spools.setdefault(name, [])
        if len(spools) >= IMAGES_MAX:
            raise _mistaken(f"Invalid {name}: {IMAGES_MAX} pictures at most can be worked on at once", name)
        spool = Spool()
        self._closing.append(spool.close)
        spools.append(spool)
        return spool

    async def _put(self, count: int) -> None:
        """Give the next bytes to the part that they belong to."""
        if count <= 0:
            return
        with memoryview(self._waiting) as view:
            data = bytes(view[:count])
        del self._waiting[:count]
        if self._part is None:
            self._preamble_bytes += count
            if self._preamble_bytes > _PREAMBLE_BYTES:
                raise _malformed("its parts are not separated as its boundary says")
            return
        name, into = self._part
        if isinstance(into, Spool):
            await into.write(data)
            return
        self._text_bytes += count
        if self._text_bytes > _TEXT_BYTES:
            raise _malformed(f"its texts take more than {_TEXT_BYTES} bytes, the last of them {name[:60]!r}")
        into.extend(data)

    def _close(self) -> None:
        part, self._part = self._part, None
        if part is None:
            return
        name, raw = part
        if isinstance(raw, Spool):
            return
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise _malformed(f"the field {name[:60]!r} is no text in UTF-8") from None
        if name in ("image", "mask"):
            raise _mistaken(
                f"Invalid {name}: in a multipart request it has to be a file; send links and data URLs as JSON", name
            )
        self._texts.setdefault(name, []).append(text)


# The rest of the body is not read, so what follows on the connection would not be a request.
_CLOSE = {"connection": "close"}


def _malformed(problem: str) -> GatewayError:
    return GatewayError(f"The multipart body cannot be read: {problem}.", code="invalid_request", headers=_CLOSE)


def _mistaken(message: str, param: str) -> GatewayError:
    return GatewayError(message, code="invalid_image", param=param, headers=_CLOSE)
