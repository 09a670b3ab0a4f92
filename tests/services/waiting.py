"""Waiting for what sets no event, as it happens in a server."""

import asyncio


async def sleep_until(true, seconds=5):
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
