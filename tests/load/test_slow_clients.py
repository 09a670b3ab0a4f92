"""R15: slow clients cannot hold the house: what is done beside hundreds of them hardly changes."""

import asyncio
import contextlib
import socket
import statistics

from tests.acceptance.rig import large_answer
from tests.end_to_end.caller import raw_request, target
from tests.load.crowd import FULL, Crowd, say
from tests.load.pictures import Pictures

COUNT = 500 if FULL else 200
ROUNDS, SECONDS = (9, 2.0) if FULL else (3, 0.5)
LOSS = 0.05 if FULL else 0.25


class Slow:
    """Clients that send a byte a second of a head or of a body, and some that read nothing of a large answer."""

    def __init__(self, url, unread, body):
        self._url, self._unread, self._body = url, unread, body
        self._lines = []

    async def __aenter__(self):
        host, _, port = self._url.removeprefix("http://").partition(":")
        loop = asyncio.get_running_loop()
        for number in range(COUNT):
            line = socket.socket()
            line.setblocking(False)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
            self._lines.append(line)
            await loop.sock_connect(line, (host, int(port)))
            start = self._unread if number % 20 == 0 else self._body[: -100 if number % 2 else 40]
            await loop.sock_sendall(line, start)
        self._task = asyncio.create_task(self._dribble())
        await asyncio.sleep(0.1)

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for line in self._lines:
            line.close()

    async def _dribble(self):
        while True:
            for number, line in enumerate(self._lines):
                if number % 20:
                    with contextlib.suppress(OSError):
                        line.send(b"a")
            await asyncio.sleep(1)


async def test_slow_clients_beside(gateway_with, wall):
    gateway = gateway_with(byte_budget=1 << 30)
    config = target(wall, "slow:0.02")
    body = raw_request(config, b'{"prompt": "' + b"x" * 1000)
    with Pictures(large_answer(2 << 20), b"") as pictures:
        unread = raw_request({"provider": "openai-compatible", "custom_host": pictures.base + "/base64"})
        async with Crowd(gateway.url) as crowd:
            await crowd.press(4, SECONDS, config)
            ratios = []
            for _ in range(ROUNDS):
                alone = await crowd.press(4, SECONDS, config)
                async with Slow(gateway.url, unread, body):
                    beside = await crowd.press(4, SECONDS, config)
                ratios.append(beside / alone)
    say(f"R15: {statistics.median(ratios):.3f} of the goodput beside {COUNT} slow connections ({ratios})")
    assert statistics.median(ratios) >= 1 - LOSS
