"""Bodies that are made while they are sent, as they are large."""

from collections.abc import Iterator, Sequence

import pybase64

from gateway.images import Picture

_SLICE = 3 << 16
"""Bytes at a time: a multiple of three, so that the base64 of slices is that of the whole."""

Part = bytes | memoryview | Picture
"""A picture stands for its base64."""


class Sliced:
    """A body of a known length."""

    def __init__(self, parts: Sequence[Part]) -> None:
        """Stand for the parts, one after the other."""
        self._parts = parts
        self.length = sum(map(_length, parts))

    def slices(self) -> Iterator[bytes]:
        """Yield the body, a slice at a time."""
        for part in self._parts:
            encoded = isinstance(part, Picture)
            view = memoryview(part.data or b"" if isinstance(part, Picture) else part)
            for start in range(0, len(view), _SLICE):
                piece = view[start : start + _SLICE]
                yield pybase64.b64encode(piece) if encoded else bytes(piece)

    def whole(self) -> bytes:
        """Return all of it at once."""
        return b"".join(self.slices())


def _length(part: Part) -> int:
    return -(-len(part.data or b"") // 3) * 4 if isinstance(part, Picture) else len(part)
