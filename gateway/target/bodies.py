"""A request's body as bytes: JSON, or a multipart form, with the caller's pictures written where they belong."""

import secrets
from typing import Any

import orjson
import pybase64

from gateway.delivery.masks import turned
from gateway.images import Embedded
from gateway.wire import Send

_PASSED_ON = orjson.OPT_PASSTHROUGH_DATACLASS
_UNSAFE = str.maketrans({"\r": "%0D", "\n": "%0A", '"': "%22"})


def body_of(step: Send) -> tuple[bytes | None, str | None]:
    """Return the body and its type, where the request has one; it takes a while where it holds pictures."""
    if step.json is not None:
        return orjson.dumps(step.json, default=_embedded, option=_PASSED_ON), "application/json"
    if step.form is not None:
        return _form(step)
    if step.data is not None:
        if isinstance(step.data, bytes):
            return step.data, None
        return written(step.data), _type_of(step.data)
    return None, None


def written(picture: Embedded) -> bytes:
    """Return the bytes of a picture of the request, a mask in the polarity that is wanted."""
    content = picture.upload.content
    if picture.mask is None:
        return content.at(0, content.size)
    return turned(picture.upload, picture.mask, binary=picture.binary)


def _embedded(value: Any) -> str:  # noqa: ANN401 - whatever JSON does not know
    if not isinstance(value, Embedded):
        raise TypeError(type(value).__name__)
    text = pybase64.b64encode(written(value)).decode()
    return text if value.form == "base64" else f"data:{_type_of(value)};base64,{text}"


def _type_of(picture: Embedded) -> str:
    return picture.upload.media_type if picture.mask is None else "image/png"


def _form(step: Send) -> tuple[bytes, str]:
    boundary = secrets.token_hex(16)
    pieces: list[bytes] = []
    for field in step.form or ():
        name = field.name.translate(_UNSAFE)
        if isinstance(field.value, str):
            filename = f'; filename="{field.filename.translate(_UNSAFE)}"' if field.filename else ""
            pieces.append(f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"{filename}\r\n\r\n'.encode())
            pieces.append(field.value.encode())
        else:
            kind = _type_of(field.value)
            filename = field.filename or f"{field.name.partition('[')[0]}.{kind.removeprefix('image/')}"
            pieces.append(
                f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"; '
                f'filename="{filename.translate(_UNSAFE)}"\r\ncontent-type: {kind}\r\n\r\n'.encode()
            )
            pieces.append(written(field.value))
        pieces.append(b"\r\n")
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces), f"multipart/form-data; boundary={boundary}"
