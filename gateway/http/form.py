"""A multipart request, read as it comes: pictures into spools, everything else into parameters."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.errors import GatewayError
from gateway.http.spool import Spool
from gateway.http.uploads import IMAGES_MAX, upload_of, value_of

_PARTS = 96
_PART_HEADER_BYTES = 4096
_TEXT_BYTES = 256 * 1024
_PICTURES = re.compile(r"(image|mask)s?(?:\[\d{0,3}\])?")
_BOUNDARY = re.compile(rb"[!-~ ]{1,200}")


class Form:
    """One multipart body on its way in."""

    def __init__(self, content_type: str, closing: ExitStack) -> None:
        """Read a body of this type; its spools are closed by `closing`."""
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if not _BOUNDARY.fullmatch(boundary):
            raise _malformed("its Content-Type names no boundary")
        self._closing = closing
        self._spools: dict[str, list[Spool]] = {}
        self._texts: dict[str, list[str]] = {}
        self._todo: list[tuple[Spool, bytes]] = []
        self._ended = False
        self._parts = self._header_bytes = self._text_bytes = 0
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        self._part: tuple[str, Spool | bytearray] | None = None
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._in_header(0),
                "on_header_value": self._in_header(1),
                "on_header_end": self._end_header,
                "on_headers_finished": self._open,
                "on_part_data": self._data,
                "on_part_end": self._close,
                "on_end": self._end,
            },
        )

    async def feed(self, piece: bytes) -> None:
        """Take some of the body."""
        try:
            self._parser.write(piece)
        except FormParserError:
            raise _malformed("its parts are not separated as its boundary says") from None
        todo, self._todo = self._todo, []
        for spool, data in todo:
            await spool.write(data)

    async def params(self) -> dict[str, Any]:
        """Return what the whole body says."""
        if not self._ended:
            raise _malformed("it ends before its last boundary")
        params: dict[str, Any] = {}
        for name, texts in self._texts.items():
            values = [value_of(name, text) for text in texts]
            params[name.removesuffix("[]")] = values if name.endswith("[]") or len(values) > 1 else values[0]
        for name, spools in self._spools.items():
            for spool in spools:
                await spool.finish()
            uploads = [upload_of(spool, name) for spool in spools]
            if name == "mask" and len(uploads) > 1:
                raise GatewayError("Invalid mask: send one", code="invalid_image", param="mask")
            params[name] = uploads[0] if name == "mask" else uploads
        return params

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _PARTS:
            raise _malformed(f"it has more than {_PARTS} parts")
        self._header_bytes = 0
        self._disposition = b""
        self._header = (bytearray(), bytearray())

    def _in_header(self, which: int) -> Callable[[bytes, int, int], None]:
        def take(data: bytes, start: int, end: int) -> None:
            self._header_bytes += end - start
            if self._header_bytes > _PART_HEADER_BYTES:
                raise _malformed(f"a part has headers of more than {_PART_HEADER_BYTES} bytes")
            self._header[which].extend(data[start:end])

        return take

    def _end_header(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = bytes(value)
        self._header = (bytearray(), bytearray())

    def _open(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if not name:
            raise _malformed('a part has no name: Content-Disposition has to be form-data; name="…"')
        picture = _PICTURES.fullmatch(name)
        if picture is None:
            if b"filename" in options:
                raise GatewayError(
                    f"Unknown file field {name[:60]!r}: pictures are sent as image, image[] and mask.",
                    code="invalid_image",
                    param=name[:60],
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
            raise GatewayError(
                f"Invalid image: {IMAGES_MAX} pictures at most can be worked on at once",
                code="invalid_image",
                param=name,
            )
        spool = Spool()
        self._closing.callback(spool.close)
        spools.append(spool)
        return spool

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part is None:
            return
        name, into = self._part
        if isinstance(into, Spool):
            self._todo.append((into, data[start:end]))
            return
        self._text_bytes += end - start
        if self._text_bytes > _TEXT_BYTES:
            raise _malformed(f"its texts take more than {_TEXT_BYTES} bytes, the last of them {name[:60]!r}")
        into.extend(data[start:end])

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
            raise GatewayError(
                f"Invalid {name}: in a multipart request it has to be a file; send links and data URLs as JSON",
                code="invalid_image",
                param=name,
            )
        self._texts.setdefault(name, []).append(text)

    def _end(self) -> None:
        self._ended = True


def _malformed(problem: str) -> GatewayError:
    return GatewayError(
        f"The multipart body cannot be read: {problem}.", code="invalid_request", headers={"connection": "close"}
    )
