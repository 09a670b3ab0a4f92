"""A server that plays someone else: on a loop and a thread of its own, so that nothing of ours can hold it up."""

import asyncio
import threading


class OwnThread:
    """Serves between `with` and its end; whoever inherits says how, in `_serve`."""

    port: int

    def __enter__(self):
        ready = threading.Event()

        def run():
            self._loop = asyncio.new_event_loop()
            self._loop.run_until_complete(self._until_stopped(ready))
            self._loop.run_until_complete(_hang_up(self._loop))
            self._loop.close()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    async def _until_stopped(self, ready):
        self._stop = asyncio.Event()
        await self._serve(ready, self._stop)

    async def _serve(self, ready, stop):
        """Listen on `port`, set `ready`, and clean up after `stop`."""
        raise NotImplementedError


async def _hang_up(loop):
    """Close what no server knows of, such as a connection in its TLS handshake: left open, it fails some later test."""
    for transport in list(loop._transports.values()):
        transport.abort()
    await asyncio.sleep(0)
