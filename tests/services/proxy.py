"""What stands between a gateway and a server, and loses what the test tells it to lose."""

import asyncio
import contextlib


class Proxy:
    """Passes bytes on: `drops` loses answers, `holds` loses commands; a grown `age` ends what there is, unheard."""

    def __init__(self, port):
        self.to = port
        self.drops = self.holds = False
        self.age = 0
        """Grows where all connections there are fall silent for ever."""
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._line, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _line(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        age = self.age
        there, back = await asyncio.open_connection("127.0.0.1", self.to)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pass(reader, back, lambda: self.holds or age < self.age))
                    both.create_task(self._pass(there, writer, lambda: self.drops or age < self.age))
        finally:
            for each in (writer, back):
                each.close()
            self._tasks.discard(asyncio.current_task())

    async def _pass(self, reader, writer, loses):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                if not loses():
                    writer.write(data)
                    await writer.drain()
            writer.close()
