"""Asks one server for pictures and says how fast they came: a process of its own.

Orders come as JSON on standard input, figures go as JSON to standard output.
"""

import asyncio
import gc
import sys
import time
from array import array
from typing import Literal

import msgspec
import uvloop

from tests.bench import processes
from tests.bench.answers import Answer

_CONNECTING = 64
"""Connections opened at once; more would overflow the listen queues of some servers."""


class Orders(msgspec.Struct, kw_only=True, frozen=True):
    """What to ask, and how hard."""

    port: int
    request: str
    least_bytes: int
    mode: Literal["closed", "open", "once"] = "closed"
    connections: int = 32
    rate: float = 200.0
    """Requests a second, in mode `open`."""
    seconds: float = 3.0
    warm_up: float = 0.3
    patience: float = 120.0
    """How long to wait for what is still missing at the end."""
    watch: list[int] = []
    """Processes whose CPU time is read over the same seconds."""


class Figures(msgspec.Struct, kw_only=True, frozen=True):
    """What came back; times are in milliseconds."""

    answers: int
    rate: float
    p50: float
    p99: float
    failures: int
    failure: str
    busy: float
    """CPU seconds of the watched processes per second."""
    cpu: float
    """Their CPU time for one answer."""
    own: float
    """CPU seconds of this process per second."""


class Connection(asyncio.Protocol):
    """One connection, with at most one request on it."""

    def __init__(self, load):
        self.load = load
        self.answer = None
        self.asked = 0.0

    def connection_made(self, transport):
        self.transport = transport

    def ask(self, asked=None):
        if self.transport.is_closing():
            self.load.failed("connection closed by the server before it was used")
            return
        self.answer = Answer()
        self.asked = asked or time.perf_counter()
        self.transport.write(self.load.request)

    def data_received(self, data):
        if self.answer is not None and self.answer.feed(data):
            answer, self.answer = self.answer, None
            self.load.answered(self, answer)

    def connection_lost(self, error):
        if self in self.load.idle:
            self.load.idle.remove(self)
        if self.answer is not None:
            self.answer = None
            self.load.failed(f"connection lost: {error or 'closed by the server'}")


class Load:
    """The loop around the connections: counts, and asks again."""

    def __init__(self, orders):
        self.orders = orders
        self.request = orders.request.encode("latin-1")
        self.latencies = array("d")
        self.failures = 0
        self.failure = ""
        self.starts = self.ends = 0.0
        self.in_flight = 0
        self.idle = []
        self.asked_all = False
        self.settled = asyncio.Event()
        self.tasks = set()
        self.gate = asyncio.Semaphore(_CONNECTING)

    async def run(self):
        gc.freeze()
        now = time.perf_counter()
        self.starts = now + self.orders.warm_up
        self.ends = self.starts + self.orders.seconds
        if self.orders.mode == "once":
            self.starts, self.ends = now, now + self.orders.patience
        usage = asyncio.create_task(self._usage())
        if self.orders.mode == "open":
            self.idle = [await self._connect() for _ in range(self.orders.connections)]
            await self._keep_pace()
        else:
            self.in_flight = self.orders.connections
            for _ in range(self.orders.connections):
                self._later(self._ask_on_new())
            if self.orders.mode == "closed":
                await asyncio.sleep(self.ends - time.perf_counter())
        self.asked_all = True
        if self.in_flight:
            try:
                await asyncio.wait_for(self.settled.wait(), self.orders.patience)
            except TimeoutError:
                self.failed(f"{self.in_flight} answers never came")
        if self.orders.mode == "once":
            usage.cancel()
            return self._figures(0.0, 0.0)
        return self._figures(*await usage)

    async def _connect(self):
        async with self.gate:
            loop = asyncio.get_running_loop()
            return (await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.orders.port))[1]

    async def _keep_pace(self):
        # The requests leave when it is time, however many are still out. A latency counts from the moment its request
        # leaves: timers of the loop are a millisecond coarse, which is no server's fault.
        begin = time.perf_counter()
        total = int((self.ends - begin) * self.orders.rate)
        for number in range(total):
            pause = begin + number / self.orders.rate - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            self.in_flight += 1
            if self.idle:
                self.idle.pop().ask()
            else:
                self._later(self._ask_on_new(time.perf_counter()))

    def _later(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _ask_on_new(self, asked=None):
        try:
            connection = await self._connect()
        except OSError as error:
            self.failed(f"cannot connect: {error}")
        else:
            connection.ask(asked)

    def answered(self, connection, answer):
        now = time.perf_counter()
        if answer.status != 200 or answer.length < self.orders.least_bytes:
            self.failed(f"status {answer.status} with {answer.length} bytes")
            connection.transport.close()
            return
        if self.starts <= now < self.ends:
            self.latencies.append(now - connection.asked)
        if answer.closes:
            connection.transport.close()
        if self.orders.mode == "closed" and now < self.ends:
            if answer.closes:
                self._later(self._ask_on_new())
            else:
                connection.ask()
            return
        if self.orders.mode == "open" and not answer.closes:
            self.idle.append(connection)
        self._one_less()

    def failed(self, why):
        self.failures += 1
        self.failure = self.failure or why
        self._one_less()

    def _one_less(self):
        self.in_flight -= 1
        if self.asked_all and not self.in_flight:
            self.settled.set()

    async def _usage(self):
        await asyncio.sleep(self.starts - time.perf_counter())
        before, own = processes.cpu_seconds(self.orders.watch), time.process_time()
        await asyncio.sleep(self.ends - time.perf_counter())
        return processes.cpu_seconds(self.orders.watch) - before, time.process_time() - own

    def _figures(self, watched, own):
        ordered = sorted(self.latencies)
        count = len(ordered)
        seconds = self.orders.seconds
        return Figures(
            answers=count,
            rate=count / seconds,
            p50=ordered[count // 2] * 1000 if count else 0.0,
            p99=ordered[count * 99 // 100] * 1000 if count else 0.0,
            failures=self.failures,
            failure=self.failure,
            busy=watched / seconds,
            cpu=watched / count * 1000 if count else 0.0,
            own=own / seconds,
        )


async def main():
    """Do what standard input orders."""
    orders = msgspec.json.decode(sys.stdin.buffer.read(), type=Orders)
    sys.stdout.buffer.write(msgspec.json.encode(await Load(orders).run()))


if __name__ == "__main__":
    uvloop.run(main())
