"""Pictures that are kept, and the links to them."""

import asyncio
import re
import threading
import time

import pytest

from gateway.delivery import Delivery, FolderStore, Links
from gateway.images import Picture

PICTURE = Picture(data=b"picture")


def delivery(tmp_path, **more):
    store = FolderStore(tmp_path, bytes_max=1 << 20, **{"keep_seconds": 3600, **more})
    return Delivery(store, Links(b"not-real"))


@pytest.mark.parametrize(("asked", "kept", "good_for"), [(600, 3600, 600), (7200, 3600, 3600), (7200, 90.5, 90)])
async def test_no_link_is_good_for_longer_than_its_picture_is_kept(tmp_path, asked, kept, good_for):
    link = await delivery(tmp_path, keep_seconds=kept).link(PICTURE, "png", seconds=asked, headers={})
    expires = int(re.search(r"expires=(\d+)", link)[1])
    assert abs(expires - time.time() - good_for) < 5  # noqa: TID251 - links end by the wall clock


async def test_a_store_that_hangs_holds_up_nothing_else_that_needs_a_thread(tmp_path, monkeypatch):
    there, go_on = delivery(tmp_path), threading.Event()
    monkeypatch.setattr(there.store, "put", lambda *_: go_on.wait(10) and "name")
    waiting = [asyncio.create_task(there.link(PICTURE, "png", seconds=60, headers={})) for _ in range(100)]
    try:
        async with asyncio.timeout(2):
            await asyncio.gather(*(asyncio.to_thread(int) for _ in range(10)))
        assert not any(task.done() for task in waiting)
    finally:
        go_on.set()
        await asyncio.gather(*waiting)
