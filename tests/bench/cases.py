"""The cases of the performance promise, each as one function from a run to rows of the table."""

import http.client
import time
from dataclasses import dataclass
from functools import partial
from statistics import median

from tests.bench import compile_time, processes, systems
from tests.bench.peers import Unavailable
from tests.bench.runner import Contender, ask, middle
from tests.bench.systems import OURS

_CONNECTIONS_PER_REQUEST = 2
_SPARE_FILES = 200
_NEIGHBOURS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One promise and what became of it."""

    case: str
    measure: str
    goal: float
    floor: float | None = None
    figure: float | None = None
    unit: str = "×"
    at_most: bool = False
    """Whether less is better."""
    why: str = ""
    """Why there is no figure, or why it does not count."""

    @property
    def verdict(self):
        """What the figure means."""
        if self.figure is None:
            return f"not measured: {self.why}" if self.why else "not measured"
        if self.why:
            return f"missed: {self.why}"
        if self._holds(self.goal):
            return "goal met"
        return "floor met" if self.floor is not None and self._holds(self.floor) else "missed"

    @property
    def breaks_floor(self):
        """Whether a floor that must hold does not."""
        return self.floor is not None and self.verdict.startswith("missed")

    def _holds(self, bound):
        return self.figure <= bound if self.at_most else self.figure >= bound


def small(bench):
    """Small answers on 32 connections."""
    bounds = {"bare": (1.0, 0.85), "Portkey": (3.0, 2.3), "LiteLLM": (15.0, None)}
    return _rates(bench, "small answers, 32 connections", "small", 32, bounds)


def accounts(bench):
    """Small answers for a key with a budget and rate limits, each of them recorded."""
    case = "small answers, with key, budget, rate limits and records"
    ours = [system for system in bench.systems if system.name in (OURS, "bare")]
    contenders = bench.contenders([], systems=[*ours, systems.accounts(bench.upstream, bench.folder)])
    figures = bench.alternate(case, contenders, "small", connections=32)
    rows = []
    # What is allowed is a tenth of what the gateway reached before it knew keys, budgets and records.
    for other, goal in (("bare", 0.99), (OURS, 0.9)):
        why, ratio = _trouble(bench, case, systems.ACCOUNTS, other, figures), None
        if not why:
            pairs = zip(figures[systems.ACCOUNTS], figures[other], strict=True)
            ratio = median(ours.rate / theirs.rate for ours, theirs in pairs)
        rows.append(Row(case=case, measure=f"rate over {other}", goal=goal, figure=ratio, why=why))
    return rows


def big(bench):
    """Answers of 2 MB on 16 connections."""
    bounds = {"bare": (0.9, 0.75), "Portkey": (12.0, 9.0)}
    return _rates(bench, "2 MB answers, 16 connections", "big", 16, bounds)


def _rates(bench, case, kind, connections, bounds):
    figures = bench.alternate(
        case, bench.contenders(bounds, with_inline=kind == "small"), kind, connections=connections
    )
    rows = []
    for label in [label for label in figures if label.startswith(OURS)] or [OURS]:
        for other, (goal, floor) in bounds.items():
            measure = f"rate over {other}" + label.removeprefix(OURS)
            why = _trouble(bench, case, label, other, figures)
            ratio = None
            if label in figures and other in figures:
                pairs = [pair for pair in zip(figures[label], figures[other], strict=True) if all(f.rate for f in pair)]
                ratio = median([ours.rate / theirs.rate for ours, theirs in pairs] or [0.0])
                thrift = median([theirs.cpu / ours.cpu for ours, theirs in pairs if ours.cpu] or [0.0])
                words = f"{ratio:.2f} × the rate, {thrift:.2f} × the answers for a second of CPU"
                bench.raw.append((case, f"{label} over {other}", words))
            rows.append(Row(case=case, measure=measure, goal=goal, floor=floor, figure=ratio, why=why))
    return rows


def _trouble(bench, case, label, other, figures):
    if label not in figures:
        return _absence(bench, OURS)
    if other not in figures:
        return _absence(bench, other)
    return bench.failures.get((case, label), "")


def _absence(bench, name):
    return f"{name} did not run" if name in bench.missing else f"{name} was not started"


def latency(bench):
    """What a request takes longer than straight to the provider, when there is room."""
    case = f"latency added at {bench.plan.rate:.0f} requests/s"
    contenders = bench.contenders(["Portkey"])
    figures = bench.alternate(case, contenders, "small", mode="open", rate=bench.plan.rate, warm_up=0.5)
    bases = figures.pop("direct")
    added = {}
    for label, rounds in figures.items():
        for name in ("p50", "p99"):
            pairs = zip(rounds, bases, strict=True)
            added[label, name] = median(getattr(ours, name) - getattr(base, name) for ours, base in pairs)
        bench.raw.append((case, label, f"added p50 {added[label, 'p50']:.2f} ms, p99 {added[label, 'p99']:.2f} ms"))
    rows = []
    for name, goal, floor in (("p50", 0.8, 1.0), ("p99", 3.0, 5.0)):
        figure = added.get((OURS, name))
        why = bench.failures.get((case, OURS), "") if figure is not None else _absence(bench, OURS)
        row = partial(Row, case=case, unit="ms", at_most=True, figure=figure, why=why)
        rows.append(row(measure=f"{name} over direct", goal=goal, floor=floor))
        theirs = added.get(("Portkey", name))
        if theirs is not None:
            rows.append(row(measure=f"{name}, Portkey's at most", goal=theirs))
    return rows


def memory(bench):
    """What a request costs that waits for its provider, many at once."""
    count = bench.plan.in_flight
    case = f"{count:,} slow requests in flight"
    row = partial(Row, case=case, measure="memory for each", goal=45.0, floor=60.0, unit="KiB", at_most=True)
    files = processes.raise_file_limit()
    if files < count * _CONNECTIONS_PER_REQUEST + _SPARE_FILES:
        return [row(why=f"only {files} open files are allowed")]
    each = {}
    for system in bench.taking_part(["bare"]):
        try:
            with bench.started(system) as server:
                each[system.name] = _hold_many(bench, case, Contender(system.name, server, system.call), count)
        except Unavailable as error:
            bench.leave_out(system, error)
    if OURS not in each:
        return [row(why=_absence(bench, OURS))]
    return [row(figure=each[OURS], why=bench.failures.get((case, OURS), ""))]


def _hold_many(bench, case, contender, count):
    server = contender.server
    bench.control("hold")
    bench.finish_load(bench.start_load(contender, "small", seconds=0.5))
    idle = peak = processes.rss_bytes(server.family)
    load = bench.start_load(contender, "held", mode="once", connections=count, seconds=1.0)
    held, since, released = 0, time.monotonic(), False
    while load.poll() is None:
        peak = max(peak, processes.rss_bytes(server.family))
        now = bench.control("stats")["held"] if not released else held
        if now > held:
            held, since = now, time.monotonic()
        # A system that keeps requests back for want of connections stops growing: that is its best.
        if not released and (held >= count or time.monotonic() - since > 5):
            time.sleep(0.2)
            peak, released = max(peak, processes.rss_bytes(server.family)), True
            bench.control("release")
        time.sleep(0.02)
    figures = bench.finish_load(load)
    if figures.failures or held < count:
        why = f" ({figures.failure})" if figures.failure else ""
        what = f"{figures.failures} failed{why}, {held:,} at once at the provider"
        bench.failures[case, contender.label] = what
    each = (peak - idle) / count / 1024
    words = (
        f"{each:.1f} KiB each ({idle / 2**20:.0f} MiB idle, {peak / 2**20:.0f} MiB at most), {held:,} at the provider"
    )
    words += f", {figures.failures} failed" if figures.failures else ""
    bench.raw.append((case, contender.label, words))
    bench.say(f"  {contender.label}: {words}")
    return each


def neighbour(bench):
    """A slow provider with many in flight, beside a fast one."""
    case = f"a slow provider with {_NEIGHBOURS} in flight"
    rows = []
    for contender in bench.contenders([], with_direct=False):
        alone, beside = [], []
        for number in range(bench.plan.rounds):
            if number % 2 == 0:
                alone.append(_pace(bench, contender))
            bench.control("hold")
            slow = bench.start_load(contender, "held", mode="once", connections=_NEIGHBOURS, seconds=1.0)
            limit = time.monotonic() + 10
            while bench.control("stats")["held"] < _NEIGHBOURS and time.monotonic() < limit:
                time.sleep(0.02)
            beside.append(_pace(bench, contender))
            held = bench.control("release")["most_held"]
            came = bench.finish_load(slow)
            if number % 2:
                alone.append(_pace(bench, contender))
            failed = came.failures + alone[-1].failures + beside[-1].failures
            if failed or held < _NEIGHBOURS:
                bench.failures[case, contender.label] = f"{failed} failed, {held} were in flight"
        words = "; ".join(
            f"{name} {middle(alone, name):.2f} ms alone, {middle(beside, name):.2f} ms beside"
            for name in ("p50", "p99")
        )
        bench.raw.append((case, contender.label, words))
        bench.say(f"  {contender.label}: {words}")
        if contender.label == OURS:
            rows = [
                Row(
                    case=case,
                    measure=f"the fast one's {name}, beside over alone",
                    goal=goal,
                    at_most=True,
                    figure=median(getattr(b, name) / getattr(a, name) for a, b in zip(alone, beside, strict=True)),
                    why=bench.failures.get((case, OURS), ""),
                )
                # A tenth and a half are what two runs of the same thing differ by on a shared machine.
                for name, goal in (("p50", 1.1), ("p99", 1.5))
            ]
    return rows or [Row(case=case, measure="the fast one's p50", goal=1.1, at_most=True, why=_absence(bench, OURS))]


def _pace(bench, contender):
    return bench.load(contender, "small", mode="open", rate=bench.plan.rate, warm_up=0.5)


def start(bench):
    """From the command to the first picture."""
    case = "start to first answer"
    middles = {}
    for system in bench.taking_part([]):
        # What needs ten seconds is known well enough after two.
        runs = bench.plan.cold_starts if system.start_seconds < 60 else min(2, bench.plan.cold_starts)
        try:
            middles[system.name] = median(_first_answer(bench, system) for _ in range(runs))
        except Unavailable as error:
            bench.leave_out(system, error)
            continue
        words = f"{middles[system.name]:.2f} s, median of {runs}"
        bench.raw.append((case, system.name, words))
        bench.say(f"  {system.name}: {words}")
    why = "" if OURS in middles else _absence(bench, OURS)
    return [Row(case=case, measure="time", goal=1.5, unit="s", at_most=True, figure=middles.get(OURS), why=why)]


def _first_answer(bench, system):
    begin = time.perf_counter()
    with bench.spawned(system, core=None) as (server, log):
        while time.perf_counter() - begin < system.start_seconds:
            if server.process.poll() is not None:
                break
            try:
                if ask(server.port, system.call("small"), timeout=10)[0] == 200:
                    return time.perf_counter() - begin
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.005)
        raise Unavailable(f"no answer after {time.perf_counter() - begin:.0f} s ({log.name})")


def compiling(_bench):
    """What a config of 32 targets costs."""
    case = f"config of {compile_time.TARGETS} targets"
    subject = compile_time.connect()
    compiled = compile_time.seconds_each(subject.compile) * 1e3
    found = compile_time.seconds_each(subject.look_up, batch=1000) * 1e6
    return [
        Row(case=case, measure="compile", goal=2.0, unit="ms", at_most=True, figure=compiled),
        Row(case=case, measure="cached lookup", goal=20.0, unit="µs", at_most=True, figure=found),
    ]


CASES = {
    "small": small,
    "accounts": accounts,
    "big": big,
    "latency": latency,
    "neighbour": neighbour,
    "memory": memory,
    "start": start,
    "compile": compiling,
}
