"""A server that plays someone else: on a loop and a thread of its own, so that nothing of ours can hold it up."""

import asyncio
import contextlib
import threading

BACKLOG = 1024


class OwnThread:
    """Serves between `with` and its end; whoever inherits says how, in `_one`, in `_line`, or in `_serve`."""

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
        server = await asyncio.start_server(self._line, "127.0.0.1", 0, backlog=BACKLOG)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _line(self, reader, writer):
        """Answer what comes on one connection."""
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._one(reader, writer):
                    pass
        finally:
            writer.close()

    async def _one(self, reader, writer):
        """Answer one request; return whether the connection goes on."""
        raise NotImplementedError


async def _hang_up(loop):
    """Close what no server knows of, such as a connection in its TLS handshake: left open, it fails some later test."""
    for transport in list(loop._transports.values()):
        transport.abort()
    await asyncio.sleep(0)
