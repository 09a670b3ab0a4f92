"""The fake provider: a raw protocol in a process of its own, far faster than anything in front of it.

`/small/…` and `/big/…` are answered at once, `/held/…` when it is told to let go; `/control/…` is for the runner.
Two ports, so that a slow provider and a fast one are two addresses.
"""

import asyncio
import gc
import json
import sys

import uvloop

from tests.bench import pictures

KEY = b"Bearer test-upstream-key-not-real"
_HEAD = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


def _reply(body, status=200, reason=b"OK"):
    return _HEAD % (status, reason, len(body)) + body


class Provider:
    """What all connections share: the answers, the counters, and the requests that are held."""

    def __init__(self):
        self.replies = {kind: _reply(pictures.answer(kind)) for kind in pictures.LENGTHS}
        self.refusal = _reply(b'{"error":{"message":"who are you?"}}', 401, b"Unauthorized")
        self.calls = dict.fromkeys([*pictures.LENGTHS, "refused"], 0)
        self.holding = True
        self.held = []
        self.most_held = 0

    def take(self, transport, head):
        kind = head[6 : head.find(b"/", 6)].decode()
        if kind == "control":
            self._obey(transport, head)
        elif KEY not in head or kind not in self.replies:
            self.calls["refused"] += 1
            transport.write(self.refusal)
        elif kind == "held" and self.holding:
            self.calls[kind] += 1
            self.held.append(transport)
            self.most_held = max(self.most_held, len(self.held))
        else:
            self.calls[kind] += 1
            transport.write(self.replies[kind])

    def _obey(self, transport, head):
        word = head.split(b" ", 2)[1].rsplit(b"/", 1)[1]
        if word == b"hold":
            self.holding, self.most_held = True, 0
        elif word == b"release":
            self.holding, held, self.held = False, self.held, []
            for waiting in held:
                waiting.write(self.replies["held"])
        stats = {"calls": self.calls, "held": len(self.held), "most_held": self.most_held}
        transport.write(_reply(json.dumps(stats).encode()))

    def forget(self, transport):
        if transport in self.held:
            self.held.remove(transport)


class Connection(asyncio.Protocol):
    """One connection: splits what comes into requests."""

    def __init__(self, provider):
        self.provider = provider
        self.buffer = b""

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, _error):
        self.provider.forget(self.transport)

    def data_received(self, data):
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            names = head.lower()
            if (at := names.find(b"\r\ncontent-length:")) >= 0:
                length = int(names[at + 17 :].split(b"\r\n", 1)[0])
            elif b"\r\ntransfer-encoding: chunked" in names:
                last = self.buffer.find(b"0\r\n\r\n", end + 4)
                length = sys.maxsize if last < 0 else last + 5 - end - 4
            else:
                length = 0
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self.provider.take(self.transport, head)


async def main():
    """Serve on two free ports, and say which on standard output."""
    provider = Provider()
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(lambda: Connection(provider), "127.0.0.1", 0, backlog=4096) for _ in range(2)]
    gc.freeze()
    sys.stdout.write(json.dumps([server.sockets[0].getsockname()[1] for server in servers]) + "\n")
    sys.stdout.flush()
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    uvloop.run(main())
