"""Pictures in the form the caller asked for: kept here and linked to, where it is a link."""

import logging
import time
from collections.abc import Iterator, Mapping

import pybase64

from gateway.delivery.links import Links
from gateway.delivery.store import PictureStore, in_thread
from gateway.images import Picture
from gateway.seldom import SELDOM

_log = logging.getLogger("gateway.delivery")

_CHARACTERS = 1 << 18
"""Of base64, decoded at a time; a multiple of four."""


class NotKept(Exception):
    """A picture could not be kept, so there is no link to it."""


class Delivery:
    """The pictures that the gateway hosts, and the links to them."""

    def __init__(self, store: PictureStore | None = None, links: Links | None = None) -> None:
        """Without a store, no links can be made."""
        self.store = store
        self.links = links

    @property
    def keeps(self) -> bool:
        """Whether there is a place for pictures."""
        return self.store is not None and self.links is not None

    async def link(self, picture: Picture, extension: str, *, seconds: int, headers: Mapping[str, str]) -> str:
        """Keep a picture and return a link to it that is good for so many seconds, or as long as pictures are kept."""
        if self.store is None or self.links is None:
            raise NotKept
        try:
            name = await in_thread(self.store.put, slices(picture), extension)
        except (OSError, ValueError) as error:  # the second where the middle of a picture is no base64
            why = getattr(error, "strerror", None) or type(error).__name__
            _log.error("a picture could not be kept: %s", why, extra=SELDOM)
            raise NotKept from None
        good_for = int(min(seconds, self.store.keep_seconds))
        return self.links.link(name, int(time.time()) + good_for, headers)  # noqa: TID251 - links end by the wall clock


def slices(picture: Picture) -> Iterator[bytes]:
    """Yield the bytes of a picture that was looked at, a slice at a time."""
    if picture.data is not None:
        view = memoryview(picture.data)
        for start in range(0, len(view), _CHARACTERS):
            yield bytes(view[start : start + _CHARACTERS])
        return
    text = picture.b64 or memoryview(b"")
    for start in range(0, len(text), _CHARACTERS):
        yield pybase64.b64decode(text[start : start + _CHARACTERS], validate=True)
