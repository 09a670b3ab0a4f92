"""A crowd of callers: requests leave when they are due, whether or not those before them have been answered."""

import asyncio
import json
import math
import os
import sys
import time
from dataclasses import dataclass

from tests.end_to_end.caller import raw_request

FULL = os.environ.get("LOAD") == "full"
"""Whether there is time for the figures as they are promised: `make load`."""


@dataclass(frozen=True)
class Got:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float
    at: float

    @property
    def code(self):
        return json.loads(self.body)["error"]["code"]

    @property
    def queued(self):
        """Return the milliseconds that it waited for its turn."""
        return float(self.headers["server-timing"].partition("queue;dur=")[2].partition(",")[0])


class Crowd:
    """Callers of one gateway, who keep connections as long as they may."""

    def __init__(self, url, *lines):
        host, _, port = url.removeprefix("http://").partition(":")
        self._address = host, int(port)
        self._lines = lines
        self._free = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        for _, writer in self._free:
            writer.close()

    async def ask(self, config, *lines, body=b'{"prompt": "an otter"}'):
        """Send one request and return its answer; a connection that has died meanwhile is replaced."""
        began = time.monotonic()
        request = raw_request(config, body, *self._lines, *lines)
        while True:
            kept = bool(self._free)
            reader, writer = self._free.pop() if kept else await asyncio.open_connection(*self._address)
            try:
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
            except (ConnectionError, asyncio.IncompleteReadError):
                writer.close()
                if not kept:
                    raise
                continue
            first, *rest = head.strip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}
            content = await reader.readexactly(int(headers["content-length"]))
            if headers.get("connection") == "close":
                writer.close()
            else:
                self._free.append((reader, writer))
            ended = time.monotonic()
            return Got(int(first.split()[1]), headers, content, ended - began, ended)

    async def come(self, rate, seconds, config, *lines):
        """Send so many requests a second for a while; return all answers, and when it began."""
        began = time.monotonic()
        tasks = []
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            tasks.append(asyncio.create_task(self.ask(config, *lines)))
        return await asyncio.gather(*tasks), began

    async def press(self, count, seconds, config):
        """Keep so many requests going for a while; return the answers a second."""
        began = time.monotonic()

        async def one():
            answered = 0
            while time.monotonic() < began + seconds:
                assert (await self.ask(config)).status == 200
                answered += 1
            return answered

        return sum(await asyncio.gather(*(one() for _ in range(count)))) / (time.monotonic() - began)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.floor(len(ordered) * share))]


def say(figures):
    """Write what was measured: seen with -s, and where a bound is missed."""
    sys.stdout.write(f"{figures}\n")
