"""The multipart requests of edits and variations, taken apart and judged as OpenAI does."""

import email
import hashlib
import io
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from PIL import Image, UnidentifiedImageError

from tests.fake_openai.rules import is_dall_e
from tests.fake_openai.wrong import Wrong, unknown

_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
_PICTURES = ("image", "image[]", "mask")
_NUMBERS = frozenset({"n", "partial_images", "output_compression"})
_IMAGES_MAX = 16
_SMALL, _LARGE = 4_000_000, 50_000_000


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a form, as it came."""

    name: str
    filename: str | None
    type: str | None
    sha256: str
    size: int
    format: str | None
    """As Pillow names it; `None` for what it cannot open."""
    width: int = 0
    height: int = 0
    alpha: bool = False


@dataclass(frozen=True)
class Form:
    texts: dict[str, str]
    files: list[File]

    @property
    def params(self) -> dict[str, Any]:
        """The texts as the values that they stand for."""
        return {name: _value(name, text) for name, text in self.texts.items()}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def read_form(request: web.Request) -> Form:
    """Take a form apart by hand: aiohttp's own reader warns of itself, now and then."""
    boundary = request.headers["Content-Type"].partition("boundary=")[2].strip('"')
    delimiter = f"\r\n--{boundary}".encode()
    preamble, *parts, end = (b"\r\n" + await request.read()).split(delimiter)
    if preamble or end not in (b"--", b"--\r\n"):
        raise Wrong("Could not parse multipart form", None, None)
    form = Form({}, [])
    for part in parts:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        about = email.message_from_bytes(head)
        name = str(about.get_param("name", header="content-disposition"))
        filename = about.get_filename()
        if filename is not None or name in _PICTURES:
            form.files.append(_file(name, filename, about["content-type"], data))
        elif name in form.texts:
            raise Wrong(f"Duplicate parameter: '{name}'.", name, "duplicate_parameter")
        else:
            form.texts[name] = data.decode()
    return form


def check_files(endpoint: str, model: str, files: list[File]) -> None:
    """Refuse the pictures that the endpoint refuses for its model."""
    for file in files:
        if file.name not in _PICTURES or (file.name != "image" and endpoint == "variations"):
            raise unknown(file.name)
    images = [file for file in files if file.name != "mask"]
    masks = [file for file in files if file.name == "mask"]
    if not images:
        raise Wrong("Missing required parameter: 'image'.", "image", "missing_required_parameter")
    if len({file.name for file in images}) > 1 or sum(file.name == "image" for file in images) > 1:
        raise Wrong("Duplicate parameter: 'image'. Send several as 'image[]'.", "image", "duplicate_parameter")
    if is_dall_e(model) and images[0].name == "image[]":
        raise Wrong("Invalid type for 'image': expected a file, but got an array instead.", "image", "invalid_type")
    if len(images) > _IMAGES_MAX:
        raise Wrong("Invalid 'image': array too long.", "image", "array_above_max_length")
    for image in images:
        _check_image(model, image)
    for mask in masks:
        _check_mask(mask, images[0], only=len(masks) == 1)


def _check_image(model: str, image: File) -> None:
    if not image.filename:
        raise Wrong("Invalid 'image': expected a file.", "image", "invalid_type")
    allowed = {"PNG": "image/png"} if is_dall_e(model) else _TYPES
    if image.type not in allowed.values():
        raise Wrong(
            f"Invalid file 'image': unsupported mimetype ('{image.type}').", "image", "unsupported_file_mimetype"
        )
    if image.format is None or image.type != allowed.get(image.format):
        raise Wrong("Invalid image file or mode for image 1.", None, "invalid_image_file")
    if image.size >= (_SMALL if is_dall_e(model) else _LARGE):
        raise Wrong("Invalid 'image': file is too large.", "image", "image_too_large")
    if is_dall_e(model) and image.width != image.height:
        raise Wrong("Uploaded image must be square.", "image", "invalid_image_size")


def _check_mask(mask: File, image: File, *, only: bool) -> None:
    if not only:
        raise Wrong("Duplicate parameter: 'mask'.", "mask", "duplicate_parameter")
    if (mask.type, mask.format) != ("image/png", "PNG"):
        raise Wrong("Invalid file 'mask': must be a PNG.", "mask", "unsupported_file_mimetype")
    if mask.size >= _SMALL:
        raise Wrong("Invalid 'mask': file is too large.", "mask", "image_too_large")
    if (mask.width, mask.height) != (image.width, image.height):
        raise Wrong("Invalid mask image: mask size does not match image size.", "mask", "invalid_mask_size")
    if not mask.alpha:
        raise Wrong(
            "Invalid mask image format - mask image missing alpha channel.", "mask", "invalid_mask_image_format"
        )


def _file(name: str, filename: str | None, type_: str | None, data: bytes) -> File:
    about: dict[str, Any] = {"format": None}
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            about = {
                "format": picture.format,
                "width": picture.width,
                "height": picture.height,
                "alpha": picture.has_transparency_data,
            }
    except (UnidentifiedImageError, OSError, SyntaxError):
        pass
    return File(name=name, filename=filename, type=type_, sha256=sha256(data), size=len(data), **about)


def _value(name: str, text: str) -> Any:
    if name in _NUMBERS:
        return int(text) if text.isdigit() else text
    if name == "stream":
        return {"true": True, "false": False}.get(text, text)
    return text
