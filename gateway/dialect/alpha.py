"""Masks where a provider cannot do without one: a picture may bring it along in its transparent parts."""

from gateway.images import ImageRequest, Upload

_HEAD = 30
_PNG_KIND, _PNG_WITH_ALPHA = 25, (4, 6)
_WEBP_EXTENDED, _WEBP_LOSSLESS, _WEBP_ALPHA = b"VP8X", b"VP8L", 0x10


def mask_of(request: ImageRequest) -> Upload | None:
    """Return the mask; without one, the picture itself where its header says that it has an alpha channel."""
    if request.mask is not None:
        return request.mask
    first = next(iter(request.images), None)
    return first if first is not None and has_alpha(first) else None


def has_alpha(picture: Upload) -> bool:
    """Whether a picture's header says that parts of it may be transparent."""
    head = picture.content.at(0, _HEAD)
    if len(head) < _HEAD:
        return False
    if picture.format == "png":
        return head[_PNG_KIND] in _PNG_WITH_ALPHA
    if picture.format == "webp":
        kind = head[12:16]
        # In both, one bit says so: of the flags, or right above width and height.
        return (kind == _WEBP_EXTENDED and bool(head[20] & _WEBP_ALPHA)) or (
            kind == _WEBP_LOSSLESS and bool(head[24] & _WEBP_ALPHA)
        )
    return False
