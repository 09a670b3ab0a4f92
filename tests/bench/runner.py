"""Starts the systems, lets the load loose on them, and keeps what came out."""

import contextlib
import http.client
import json
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import msgspec

from tests.bench import pictures, processes
from tests.bench.load import Figures, Orders
from tests.bench.peers import Unavailable
from tests.bench.systems import OURS, Call, System, Upstream, direct, tail

_WARM_UP = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long each thing is measured."""

    rounds: int = 5
    seconds: float = 3.0
    cold_starts: int = 5
    in_flight: int = 3000
    rate: float = 200.0
    thorough: bool = True
    """Whether a case measures systems that its promise does not speak of."""


QUICK = Plan(rounds=2, seconds=0.5, cold_starts=3, thorough=False)


@dataclass(frozen=True, slots=True)
class Server:
    """A running system."""

    system: System
    port: int
    process: subprocess.Popen[bytes] | None

    @property
    def family(self):
        """Its processes."""
        return processes.family(self.process.pid) if self.process else []


@dataclass(frozen=True, slots=True)
class Contender:
    """A server, and one of the ways to ask it."""

    label: str
    server: Server
    call: Callable[[str], Call]


@dataclass(slots=True)
class Bench:
    """One run: the fake provider, the systems, and everything measured so far."""

    plan: Plan
    folder: Path
    say: Callable[[str], None]
    upstream: Upstream
    systems: list[System] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    raw: list[tuple[str, ...]] = field(default_factory=list)
    """Case, system, and its medians in words."""
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    """What went wrong, by case and label."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _running: dict[str, Server] = field(default_factory=dict)

    def close(self):
        """Stop the servers."""
        self._stack.close()

    def taking_part(self, needed):
        """Return the systems a case measures: all, or in a hurry ours and those it needs."""
        return [system for system in self.systems if self.plan.thorough or system.name in {OURS, *needed}]

    def contenders(self, needed, *, systems=None, with_inline=False, with_direct=True):
        """Return what a case measures, started where it was not; the fake provider itself among them."""
        found = [Contender("direct", Server(direct, self.upstream.fast, None), direct.call)] if with_direct else []
        for system in self.taking_part(needed) if systems is None else systems:
            if system.name not in self._running:
                try:
                    self._running[system.name] = self._stack.enter_context(self.started(system))
                except Unavailable as error:
                    self.leave_out(system, error)
                    continue
                # Node compiles what it has seen often: without this a short run would measure its interpreter.
                started = Contender(system.name, self._running[system.name], system.call)
                self.finish_load(self.start_load(started, "small", seconds=_WARM_UP))
            server = self._running[system.name]
            found.append(Contender(system.name, server, system.call))
            if with_inline and system.inline:
                found.append(Contender(f"{system.name}, config in a header", server, system.inline))
        return found

    def leave_out(self, system, error):
        """Do without a system that does not work here."""
        self.systems = [each for each in self.systems if each is not system]
        self.missing[system.name] = str(error)
        self.say(f"without {system.name}: {error}")

    @contextmanager
    def started(self, system):
        """Run a system, ready and proven to answer with the provider's picture."""
        with self.spawned(system, core=processes.SERVER_CORE) as (server, log):
            try:
                self._await_readiness(server, log)
                self._prove(server, log)
            except (OSError, http.client.HTTPException) as error:
                raise Unavailable(f"{error or type(error).__name__}: {tail(log)}") from error
            yield server

    @contextmanager
    def spawned(self, system, *, core):
        """Start a system's process, and end it."""
        port = processes.free_port()
        log = self.folder / f"{system.name}.log"
        with log.open("wb") as out:
            process = processes.spawn(
                system.command(port), core=core, environment=system.environment, stdout=out, stderr=out
            )
            try:
                yield Server(system, port, process), log
            finally:
                processes.stop(process)

    def _await_readiness(self, server, log):
        limit = time.monotonic() + server.system.start_seconds
        while time.monotonic() < limit:
            if server.process.poll() is not None:
                raise Unavailable(f"it ended with exit code {server.process.returncode}: {tail(log)}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
                connection.request("GET", server.system.ready)
                if connection.getresponse().status < 500:
                    connection.close()
                    return
            time.sleep(0.05)
        raise Unavailable(f"not ready after {server.system.start_seconds:.0f} s: {tail(log)}")

    def _prove(self, server, log):
        calls = [server.system.call, *([server.system.inline] if server.system.inline else [])]
        for call in calls:
            before = self.control("stats")["calls"]["big"]
            status, body = ask(server.port, call("big"))
            if status != 200:
                raise Unavailable(f"it answers {status}: {body[:300].decode(errors='replace')} ({tail(log)})")
            if json.loads(body)["data"][0].get("b64_json") != pictures.b64("big"):
                raise Unavailable("its answer is not the provider's picture")
            if self.control("stats")["calls"]["big"] != before + 1:
                raise Unavailable("one request of ours is not one request to the provider")

    def control(self, word):
        """Tell the fake provider something, and return its counters."""
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream.fast, timeout=10)
        connection.request("POST", f"/control/{word}")
        counters = json.loads(connection.getresponse().read())
        connection.close()
        return counters

    def start_load(self, contender, kind, **orders):
        """Start a load process and hand it its orders."""
        server = contender.server
        port = self.upstream.slow if server.process is None and kind == "held" else server.port
        words = Orders(
            port=port,
            request=contender.call(kind).text(port),
            least_bytes=len(pictures.b64(kind)),
            watch=server.family,
            **orders,
        )
        process = processes.spawn(
            processes.module("load"), core=processes.LOAD_CORE, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        process.stdin.write(msgspec.json.encode(words))
        process.stdin.close()
        return process

    def finish_load(self, process):
        """Return the figures of a load process."""
        with process:
            figures = process.stdout.read()
        if not figures:
            raise RuntimeError("the load process failed; its message is above")
        return msgspec.json.decode(figures, type=Figures)

    def load(self, contender, kind, **orders):
        """Measure one contender for a while."""
        return self.finish_load(self.start_load(contender, kind, seconds=self.plan.seconds, **orders))

    def alternate(self, case, contenders, kind, **orders):
        """Measure the contenders in turns, another first in each round; return the figures of each round by label."""
        figures: dict[str, list[Figures]] = {contender.label: [] for contender in contenders}
        for contender in contenders:
            self.finish_load(self.start_load(contender, kind, seconds=min(1.0, self.plan.seconds), **orders))
        for number in range(self.plan.rounds):
            first = number % len(contenders)
            for contender in contenders[first:] + contenders[:first]:
                came = self.load(contender, kind, **orders)
                figures[contender.label].append(came)
                if came.failures or not came.answers:
                    self.failures[case, contender.label] = f"{came.failures} failed: {came.failure or 'no answer'}"
        for label, rounds in figures.items():
            self.raw.append((case, label, _in_words(rounds)))
            self.say(f"  {label}: {_in_words(rounds)}")
        return figures


def ask(port, call, timeout=60):
    """Ask once, and return status and body."""
    head, _, body = call.text(port).partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", call.path, body, headers)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def middle(rounds, name):
    """Return the median over rounds of one figure."""
    return median(getattr(figures, name) for figures in rounds)


def _in_words(rounds):
    rate, p50, p99, cpu, busy = (middle(rounds, name) for name in ("rate", "p50", "p99", "cpu", "busy"))
    words = f"{rate:,.0f} answers/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms"
    return words + (f", {cpu:.3f} ms CPU each, core {busy:.0%} busy" if cpu else "")
