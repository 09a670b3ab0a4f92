"""Pictures that come with a request: looked at before anything is done with them."""

import re
from typing import Any

import orjson
import pybase64

from gateway.catalogue import CANONICAL
from gateway.delivery.formats import NotAPicture, is_film, read_header
from gateway.delivery.verify import PIXELS_MAX
from gateway.dialect.openai_body import TypedList, TypedObject
from gateway.errors import GatewayError
from gateway.images import Bytes, InMemory, Upload

IMAGES_MAX = 16
FORMATS = ("png", "jpeg", "webp", "gif")

_TAKES = "PNG, JPEG, WebP or GIF"


def upload_of(content: Bytes, param: str) -> Upload:
    """Return a picture that came with the request; raises `GatewayError` for what is none, or too large to open."""
    if content.size == 0:
        raise _invalid(param, "it is empty")
    try:
        header = read_header(content)
    except NotAPicture as found:
        raise _invalid(param, f"this is {found}; send {_TAKES}") from None
    if header.format not in FORMATS or header.width is None or header.height is None:
        raise _invalid(param, f"{header.format} is not taken; send {_TAKES}")
    pixels = header.width * header.height
    if pixels == 0:
        raise _invalid(param, "it has no area")
    if pixels > PIXELS_MAX:
        size, most = f"{header.width}x{header.height}", PIXELS_MAX // 10**6
        raise _invalid(param, f"{size} is over the {most} megapixels that are taken; send a smaller picture")
    if is_film(content, header.format):
        raise _invalid(param, "it is a film of several pictures; send one picture")
    return Upload(content=content, format=header.format, width=header.width, height=header.height)


def checked(params: dict[str, Any], *, needs_image: bool) -> None:
    """Check that the pictures of a request go together; raises `GatewayError` where they do not."""
    images, mask = params.get("image"), params.get("mask")
    if not images:
        if needs_image:
            raise _invalid("image", "it is required, and holds the picture to work on")
        if mask is not None:
            raise _invalid("mask", "there is no image that it could belong to")
        return
    if len(images) > IMAGES_MAX:
        raise _invalid("image", f"{IMAGES_MAX} pictures at most can be worked on at once, these are {len(images)}")
    first = images[0]
    if mask is not None and (mask.width, mask.height) != (first.width, first.height):
        raise GatewayError(
            f"Invalid mask: it has to be as large as the image, {first.width}x{first.height}, "
            f"and is {mask.width}x{mask.height}",
            code="invalid_image",
            param="mask",
        )


def described(value: Any, param: str) -> tuple[str, ...]:  # noqa: ANN401 - the JSON boundary
    """Return the addresses of pictures in a JSON request, in any of the forms that clients write them."""
    match value:
        case str():
            return (value,)
        case {"image_url": str(address)} | {"url": str(address)} | {"image_url": {"url": str(address)}}:
            return (address,)
        case {"b64_json": str(text)}:
            return (f"data:;base64,{text}",)
        case {"file_id": _}:
            raise _invalid(param, "files are not stored here, so file_id leads nowhere; send image_url")
        case [_, *_] if len(value) > IMAGES_MAX:
            raise _invalid(param, f"{IMAGES_MAX} pictures at most can be worked on at once, these are {len(value)}")
        case [_, *_] if not any(isinstance(item, list) for item in value):
            return tuple(address for item in value for address in described(item, param))
    raise _invalid(param, 'send a data URL, an https URL, or {"image_url": …}, or a list of them')


def from_data_url(address: str, param: str) -> Bytes:
    """Return the bytes of a data URL, or of bare base64."""
    text = address
    if address.startswith("data:"):
        kind, comma, text = address.partition(",")
        if not comma or not kind.endswith(";base64"):
            raise _invalid(param, "a data URL has to be in base64: data:image/png;base64,…")
    try:
        return InMemory(pybase64.b64decode(text, validate=True))
    except ValueError:
        raise _invalid(
            param, "this is neither a data URL nor an https URL; send data:image/png;base64,… or https://…"
        ) from None


def _invalid(param: str, problem: str) -> GatewayError:
    return GatewayError(f"Invalid {param}: {problem}", code="invalid_image", param=param)


def value_of(name: str, text: str) -> Any:  # noqa: ANN401 - as JSON would have it
    """Return a form field as the JSON form of the request has it: numbers and switches are no texts."""
    if name in _NUMBERS:
        digits = text.strip()
        return int(digits) if _WHOLE.fullmatch(digits) else text
    if name in _SWITCHES:
        return {"true": True, "false": False, "1": True, "0": False}.get(text.strip().lower(), text)
    return text if name in CANONICAL else _read(text)


_NUMBERS = frozenset({"n", "seed", "output_compression", "partial_images"})
_SWITCHES = frozenset({"stream", "watermark"})
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_MAYBE_JSON = re.compile(r"[\[{0-9-]|(?:true|false)\Z")


def _read(text: str) -> Any:  # noqa: ANN401
    """Return what a provider's own field is in JSON, from which the text can be had back as it was typed."""
    if not _MAYBE_JSON.match(text):
        return text
    try:
        value = orjson.loads(text)
        again = orjson.dumps(value).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return text
    if again == text:
        return value
    typed: TypedObject | TypedList
    match value:
        case dict():
            typed = TypedObject(value)
        case list():
            typed = TypedList(value)
        case _:
            return orjson.Fragment(text)  # such as 0.50, or a version 1.10
    typed.text = text
    return typed
