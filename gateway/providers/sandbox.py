"""The sandbox: paints its pictures here, costs nothing, and misbehaves on command."""

import math
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from gateway.images import ImageReply, ImageRequest, Operation, Picture, Upload
from gateway.wire import Adapter, Draw, Flow, ProviderFields, Received, Target, Wait, draw, failure_of, paint, wait
from strategies import Cause, Failure, Success

_SIZE = re.compile(r"([1-9]\d{1,3})x([1-9]\d{1,3})", re.ASCII)
_DEFAULT_SIZE = (1024, 1024)
_EDGE = range(16, 4097)
_MOST_PIXELS = 8_294_400
_FORMATS = ("png", "jpeg", "webp")
_BACKGROUNDS = ("auto", "opaque", "transparent")
_STYLES = ("vivid", "natural")
_COUNT = range(1, 11)
_PERCENT = range(101)
_ERROR_STATUSES = range(400, 600)
_LONGEST_WAIT = 600_000
_MOST_IMAGES = 16
# What is decoded of a given picture: 8K, larger than anything that is painted.
_MOST_GIVEN_PIXELS = 33_177_600
# In a picture's place, as work off the event loop cannot fail in any other way that is the caller's fault.
_UNREADABLE, _OPAQUE_MASK = b"", b"opaque mask"
_DETAIL = {
    "low": 1,
    "standard": 1,
    "auto": 2,
    "medium": 2,
    "high": 3,
    "hd": 3,
    "xhigh": 4,
    "max": 4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mischief:
    """What `params.sandbox` asks for, checked."""

    latency_seconds: float = 0.0
    status: int | None = None
    fail_ratio: float | None = None
    retry_after: float | None = None
    refuse: bool = False

    @property
    def fails(self) -> bool:
        return self.refuse or self.status is not None or self.fail_ratio is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What is to be painted, checked."""

    operation: Operation
    images: tuple[Upload, ...]
    mask: Upload | None
    prompt: str
    count: int
    size: tuple[int, int]
    seed: int
    output_format: str
    compression: int
    transparent: bool
    vivid: bool
    detail: int

    def picture(self, index: int) -> Callable[[], bytes]:
        """Return the work of making one of the pictures; each has a seed of its own."""
        form: dict[str, Any] = {
            "seed": self.seed + index,
            "size": self.size,
            "output_format": self.output_format,
            "compression": self.compression,
        }
        if self.operation == "vary":
            return partial(_varied, self.prompt, **form, image=self.images[0])
        how: dict[str, Any] = {**form, "transparent": self.transparent, "vivid": self.vivid, "detail": self.detail}
        if self.operation == "generate":
            return partial(_painted, self.prompt, **how)
        return partial(_edited, self.prompt, **how, images=self.images, mask=self.mask)


class _Invalid(Exception):
    """A parameter that cannot be honoured."""

    def __init__(self, param: str, expected: str) -> None:
        super().__init__(f"Invalid {param} for the sandbox: must be {expected}")
        self.param = param


def _flow(request: ImageRequest, target: Target) -> Flow:
    params = request.params
    try:
        mischief = _mischief(params.get("sandbox"))
        order = _order(request)
    except _Invalid as wrong:
        return _refused(wrong.param, str(wrong))
    failure = yield from _misbehave(mischief)
    if failure is not None:
        return failure
    pictures = []
    for index in range(order.count):
        data = yield from paint(order.picture(index))
        if data == _UNREADABLE:
            return _refused("image", "the sandbox cannot read this picture: it is damaged")
        if data == _OPAQUE_MASK:
            return _refused("mask", "the mask has no transparent part: what is to change has to be transparent")
        pictures.append(Picture(data=data))
    about = {name: params[name] for name in ("quality", "background") if name in params}
    about["size"] = f"{order.size[0]}x{order.size[1]}"
    about["output_format"] = order.output_format
    return Success(ImageReply(pictures=tuple(pictures), about=about, provider=target.provider))


def _refused(param: str, message: str) -> Failure:
    code = "invalid_request" if param.startswith("sandbox") else f"invalid_{param}"
    return Failure(cause=Cause.INVALID, status=400, message=message, param=param, provider_code=code)


def _misbehave(mischief: _Mischief) -> Generator[Wait | Draw, Any, Failure | None]:
    if mischief.latency_seconds:
        yield from wait(mischief.latency_seconds)
    if not mischief.fails:
        return None
    if mischief.fail_ratio is not None and (yield from draw()) >= mischief.fail_ratio:
        return None
    if mischief.refuse:
        return Failure(
            cause=Cause.POLICY,
            status=mischief.status or 400,
            message="the sandbox was told to refuse this prompt",
            provider_code="content_policy_violation",
        )
    status = mischief.status or 500
    headers = {} if mischief.retry_after is None else {"retry-after": str(mischief.retry_after)}
    return failure_of(Received(status, headers, b""), f"the sandbox was told to answer {status}")


def _mischief(value: Any) -> _Mischief:  # noqa: ANN401 - the JSON boundary
    if value is None:
        return _Mischief()
    if not isinstance(value, Mapping):
        raise _Invalid("sandbox", "an object")
    known = ("latency_ms", "status", "fail_ratio", "retry_after", "refuse")
    for name in value:
        if name not in known:
            raise _Invalid(f"sandbox.{name}", f"left out, as only {', '.join(known)} do something")
    refuse = value.get("refuse", False)
    if not isinstance(refuse, bool):
        raise _Invalid("sandbox.refuse", "true or false")
    mischief = _Mischief(
        latency_seconds=(_number(value, "latency_ms", _LONGEST_WAIT) or 0) / 1000,
        status=_whole(value, "status", _ERROR_STATUSES, name="sandbox.status"),
        fail_ratio=_number(value, "fail_ratio", 1),
        retry_after=_number(value, "retry_after", _LONGEST_WAIT / 1000),
        refuse=refuse,
    )
    if mischief.retry_after is not None and not mischief.fails:
        raise _Invalid("sandbox.retry_after", "given along with a `status` or a `fail_ratio`, as it is their hint")
    return mischief


def _order(request: ImageRequest) -> _Order:
    params, operation = request.params, request.operation
    images = () if operation == "generate" else _images(request)
    prompt = params.get("prompt", "" if operation == "vary" else None)
    if not isinstance(prompt, str) or not (prompt or operation == "vary"):
        raise _Invalid("prompt", "a text")
    output_format = _choice(params, "output_format", _FORMATS)
    transparent = _choice(params, "background", _BACKGROUNDS) == "transparent"
    if transparent and output_format == "jpeg":
        raise _Invalid("background", "opaque or auto, as JPEG has no transparency")
    compression = _whole(params, "output_compression", _PERCENT)
    if compression not in (None, 100) and output_format == "png":
        raise _Invalid("output_compression", "100 or left out, as PNG loses nothing")
    seed = params.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise _Invalid("seed", "an integer")
    return _Order(
        operation=operation,
        images=images,
        mask=request.mask if operation == "edit" else None,
        prompt=prompt,
        count=_whole(params, "n", _COUNT) or 1,
        size=_size(params.get("size", "auto"), images),
        seed=seed,
        output_format=output_format,
        compression=100 if compression is None else compression,
        transparent=transparent,
        vivid=_choice(params, "style", _STYLES) == "vivid",
        detail=_DETAIL[_choice({"quality": "auto", **params}, "quality", tuple(_DETAIL))],
    )


def _images(request: ImageRequest) -> tuple[Upload, ...]:
    images = request.images
    if not 0 < len(images) <= _MOST_IMAGES:
        raise _Invalid("image", f"1 to {_MOST_IMAGES} pictures")
    mask = () if request.mask is None else (request.mask,)
    for name, uploads in (("image", images), ("mask", mask)):
        if any(upload.width * upload.height > _MOST_GIVEN_PIXELS for upload in uploads):
            raise _Invalid(name, f"of at most {_MOST_GIVEN_PIXELS} pixels")
    return images


def _size(value: Any, images: tuple[Upload, ...]) -> tuple[int, int]:  # noqa: ANN401 - the JSON boundary
    if value == "auto":
        return _size_like(images[0]) if images else _DEFAULT_SIZE
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        width, height = int(match[1]), int(match[2])
        if width in _EDGE and height in _EDGE and width * height <= _MOST_PIXELS:
            return width, height
    raise _Invalid("size", f"auto or WIDTHxHEIGHT, edges from {_EDGE[0]} to {_EDGE[-1]}, at most {_MOST_PIXELS} pixels")


def _size_like(image: Upload) -> tuple[int, int]:
    """Return the size of a given picture, or the nearest that is painted."""
    width, height = image.width, image.height
    scale = min(1.0, _EDGE[-1] / max(width, height), math.sqrt(_MOST_PIXELS / (width * height)))
    return max(_EDGE[0], int(width * scale)), max(_EDGE[0], int(height * scale))


def _choice(params: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    value = params.get(name, allowed[0])
    if isinstance(value, str) and value in allowed:
        return value
    raise _Invalid(name, f"{', '.join(allowed[:-1])} or {allowed[-1]}")


def _whole(params: Mapping[str, Any], key: str, allowed: range, *, name: str | None = None) -> int | None:
    value = params.get(key)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value in allowed):
        return value
    raise _Invalid(name or key, f"a whole number from {allowed[0]} to {allowed[-1]}")


def _number(params: Mapping[str, Any], key: str, most: float) -> float | None:
    value = params.get(key)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most):
        return value
    raise _Invalid(f"sandbox.{key}", f"a number from 0 to {most:g}")


def _painted(prompt: str, **how: Any) -> bytes:  # noqa: ANN401 - handed on as it is
    from gateway.painter.painter import painted  # noqa: PLC0415 - Pillow waits for the first picture

    return painted(prompt, **how)


def _edited(prompt: str, *, size: tuple[int, int], **how: Any) -> bytes:  # noqa: ANN401
    from gateway.painter.backdrop import OpaqueMask, Unreadable, fitted, marked  # noqa: PLC0415
    from gateway.painter.painter import edited  # noqa: PLC0415

    images, mask = how.pop("images"), how.pop("mask")
    try:
        return edited(prompt, fitted(images, size), None if mask is None else marked(mask, size), **how)
    except Unreadable:
        return _UNREADABLE
    except OpaqueMask:
        return _OPAQUE_MASK


def _varied(prompt: str, *, size: tuple[int, int], image: Upload, **how: Any) -> bytes:  # noqa: ANN401
    from gateway.painter.backdrop import Unreadable, fitted  # noqa: PLC0415
    from gateway.painter.painter import varied  # noqa: PLC0415

    try:
        return varied(prompt, fitted((image,), size), **how)
    except Unreadable:
        return _UNREADABLE


ADAPTERS = (
    Adapter(
        name="sandbox",
        base_url=lambda _target: "http://sandbox.invalid",
        authorize=lambda _target: {},
        flow=_flow,
        fields=ProviderFields(credentials=(), needs_credential=False, remote=False),
        local=True,
    ),
)
