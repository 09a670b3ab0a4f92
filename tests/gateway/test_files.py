"""Pictures on their way to whoever has a link, read in threads."""

import asyncio
import threading

import pytest

from gateway.delivery import Kept
from gateway.http.files import _read


class Slow:
    """A kept picture whose second slice takes as long as the test wants."""

    def __init__(self):
        self.reading, self.go_on, self.closed = threading.Event(), threading.Event(), threading.Event()
        self.kept = Kept(8, self._chunks())

    def _chunks(self):
        try:
            yield b"pic"
            self.reading.set()
            self.go_on.wait(5)
            yield b"ture!"
        finally:
            self.closed.set()


@pytest.fixture
def slow():
    made = Slow()
    yield made
    made.go_on.set()


async def test_a_picture_is_read_whole_and_closed(slow):
    slow.go_on.set()
    assert b"".join([chunk async for chunk in _read(slow.kept)]) == b"picture!"
    assert slow.closed.wait(1)


async def test_a_caller_who_leaves_between_two_slices_closes_the_picture(slow):
    coming = _read(slow.kept)
    assert await anext(coming) == b"pic"
    await coming.aclose()
    assert slow.closed.is_set()


async def test_a_caller_who_leaves_in_the_middle_of_a_slice_closes_the_picture_behind_it(slow):
    coming = _read(slow.kept)
    await anext(coming)
    waiting = asyncio.ensure_future(anext(coming))
    assert await asyncio.to_thread(slow.reading.wait, 5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not slow.closed.is_set()
    slow.go_on.set()
    assert await asyncio.to_thread(slow.closed.wait, 5)
