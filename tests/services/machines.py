"""Gateways as on machines of their own: each with its workers and its data folder, killed and started again."""

import concurrent.futures
import contextlib
import http.client
import itertools
import json
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.processes import family
from tests.end_to_end.caller import ROUTE, Answer
from tests.end_to_end.provider import within
from tests.running import serving
from tests.services.redis import free_port


class Machine:
    """One gateway, that keeps its port and its folder when it is started again."""

    def __init__(self, configs, data, *arguments, env=None):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = Path(data)
        self._arguments = (configs, "--data", str(data), "--port", str(self.port), *arguments)
        self._env = env
        self._open = contextlib.ExitStack()
        self.running = None

    def start(self):
        self.running = self._open.enter_context(serving(*self._arguments, env=self._env))
        assert within(20, lambda: ask(self, "GET", "/readyz").status == 200)
        return self

    def starting(self):
        """Begin to start, and return what waits for the end of it."""
        starting = concurrent.futures.ThreadPoolExecutor(1)
        begun = starting.submit(self.start)

        def wait():
            begun.result(60)
            starting.shutdown()

        return wait

    @property
    def processes(self):
        """The supervisor and its workers."""
        return family(self.running.process.pid)

    def kill(self):
        """End all of it at once, as a machine does that loses its power."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.running.process.wait(10)
        self._open.close()

    def stop(self):
        self._open.close()

    @property
    def log(self):
        return "".join(self.running.lines)


def ask(machine, method="POST", path=ROUTE, body=None, *, line=None, timeout=30, **headers):
    """Send one request, over a line of its own unless one is given."""
    own = line is None
    line = http.client.HTTPConnection("127.0.0.1", machine.port, timeout=timeout) if own else line
    began = time.monotonic()
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if body is None else json.dumps(body)
        line.request(method, path, content, {"content-type": "application/json", **sent})
        got = line.getresponse()
        found = {name.lower(): value for name, value in got.getheaders()}
        content = got.read()
        seconds = time.monotonic() - began
        if found.get("content-type", "").startswith("image/"):
            return content
        return Answer(got.status, found, content, seconds)
    finally:
        if own:
            line.close()


@dataclass
class Told:
    """What became of one request, as its client knows it."""

    trace: str
    """Of the try that was answered."""
    status: int
    code: str | None
    at: float


@dataclass
class Load:
    """Clients that ask machines in turn, so many times a second, and once more where a connection fails."""

    machines: list
    a_second: float
    threads: int
    headers: dict
    prefix: str
    told: list = field(default_factory=list)
    cut: list = field(default_factory=list)
    """Traces of tries whose connection failed."""
    lost: list = field(default_factory=list)
    """What a client with one retry noticed."""

    def __enter__(self):
        self._numbers, self._stop = itertools.count(), threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(self.threads)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)

    def goes_on(self, count=40, seconds=20):
        """Wait until so many more were answered 200."""
        before = self.answered
        assert within(seconds, lambda: self.answered >= before + count), self.since(0)

    @property
    def answered(self):
        return sum(each.status == 200 for each in self.told)

    def since(self, moment):
        """Return how often there was which end."""
        return Counter(each.code or each.status for each in list(self.told) if each.at >= moment)

    def _run(self, worker):
        due = time.monotonic() + worker / self.a_second
        while not self._stop.is_set():
            self._one(next(self._numbers))
            due = max(due + self.threads / self.a_second, time.monotonic() - 1)
            self._stop.wait(max(due - time.monotonic(), 0))

    def _one(self, number):
        for attempt in range(2):
            machine = self.machines[(number + attempt) % len(self.machines)]
            trace, began = f"{self.prefix}-{number}-{attempt}", time.monotonic()
            try:
                answer = ask(machine, body={"prompt": trace}, **self.headers, x_portkey_trace_id=trace)
            except (OSError, http.client.HTTPException) as error:
                self.cut.append(trace)
                if attempt:
                    self.lost.append((trace, repr(error)))
            else:
                code = None if answer.status == 200 else answer.code
                self.told.append(Told(trace, answer.status, code, began))
                return
