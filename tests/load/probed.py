"""The gateway in a process of its own that also tells how its event loop keeps others waiting: GET /lag.

`python -m tests.load.probed FOLDER` serves the configs of a folder; each look at /lag begins anew. It lists, for each
tick of a clock, how late it was, and how long the loop's own thread had worked since the one before: seconds both.
"""

import asyncio
import os
import sys
import tempfile
import time

import orjson

from gateway import server
from gateway.app import build
from gateway.config.watch import LiveConfigs
from gateway.settings import read

EVERY_SECONDS = 0.005


class Probed:
    """An application, and a clock beside it that should tick every five milliseconds."""

    def __init__(self, app):
        self._app = app
        self._late = []
        self._expected = None
        self._worked = 0.0

    async def __call__(self, scope, receive, send):
        if self._expected is None:
            self._schedule(asyncio.get_running_loop())
        if scope.get("path") != "/lag":
            await self._app(scope, receive, send)
            return
        body, self._late = orjson.dumps(self._late), []
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _schedule(self, loop):
        self._expected = loop.time() + EVERY_SECONDS
        loop.call_at(self._expected, self._tick, loop)

    def _tick(self, loop):
        worked = time.thread_time()
        self._late.append((loop.time() - self._expected, worked - self._worked))
        self._worked = worked
        self._schedule(loop)


def main(folder):
    live = LiveConfigs(folder, os.environ)
    with tempfile.TemporaryDirectory() as data:
        settings = read({"data": data, "port": 0}, os.environ, live.snapshot.gateway.server)

        def make():
            app, gateway = build(settings, live)
            return Probed(app), gateway.stopping

        def greet(port):
            sys.stdout.write(f"http://127.0.0.1:{port}\n")
            sys.stdout.flush()

        return server.run(make, host="127.0.0.1", port=0, on_bound=greet)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
