"""What requests take of a worker, a database and Redis, as docs/scale-out.md sizes from: `python -m tests.bench.scale`.

Everything is real and on this machine. The first worker has a core of its own, as in the other benchmarks.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

from gateway.settings import Settings
from gateway.state.redis.server import _FREIGHT_LINES
from gateway.store.database import database
from tests.bench import cases, pictures, processes, report, systems
from tests.bench.meters import Meters, redis_cpu_for_many
from tests.bench.runner import Bench, Contender, Plan, middle
from tests.services.postgres import postgres_server
from tests.services.redis import redis_server

PAGE, BEGIN, END = Path("docs/scale-out.md"), "<!-- written by `make scale` -->", "<!-- to here -->"
WORKERS, RATE, SECONDS = 2, 50, 10
"""The machine that is reckoned with: its workers, its requests a second, and how long a picture takes."""
CORES = 16
"""Of a large server for PostgreSQL."""
CLIENTS_OF_POSTGRESQL, CLIENTS_OF_REDIS = 97, 10_000
"""That either lets in unless it is told otherwise."""
KEPT_DAYS = Settings().log_keep_days
_SPENDERS, _PACED, _PACED_SECONDS = 64, 200.0, 20.0
_OF_SERVERS = "database_cpu", "redis_cpu"
_KEYS = """
api_keys:
  - {name: free, key: key-of-free-not-real}
  - {name: paid, key: key-of-paid-not-real, usage_limits: {credit_limit: 1000000, periodic_reset: monthly}}
  - name: limited
    key: key-of-limited-not-real
    usage_limits: {credit_limit: 1000000, periodic_reset: monthly}
    rate_limits: [{type: requests, unit: rpm, value: 1000000}]
catalogue:
  - {provider: openai, id: gpt-image-1, price: {image: 0.04}}
"""


class Site:
    """Gateways on a database and a Redis, and how to ask them."""

    def __init__(self, folder, upstream, postgres, redis):
        self.read = Meters(postgres, redis).read
        configs = folder / "configs"
        configs.mkdir()
        (configs / "gateway.yaml").write_text(_KEYS)
        for kind in pictures.LENGTHS:
            (configs / f"{kind}.yaml").write_text(json.dumps(systems.fallback(upstream, kind)))
        command = [sys.executable, "-m", "gateway", "serve", "--configs", configs, "--store", postgres.url]
        command += ["--redis", redis.url, "--admin-key", "admin-key-that-is-not-real", "--master-key", "ab" * 32]

        def of(workers):
            own = ["--workers", workers, "--data", folder / f"data{workers}"]
            served = lambda port: [*command, *own, "--port", port]  # noqa: E731
            return systems.System(name=systems.OURS, command=served, call=self.call("paid"), ready="/readyz")

        self.one, self.two = of(1), of(2)

    @staticmethod
    def call(name):
        """Return how an owner of a key asks."""
        key = {"x-portkey-api-key": f"key-of-{name}-not-real"}
        return lambda kind: systems.Call(headers={**key, "x-portkey-config": kind})


def measure(bench, site):
    """Return every figure."""
    found = SimpleNamespace(load=os.getloadavg()[0])
    found.redis_cpu = redis_cpu_for_many(_SPENDERS, bench.plan.seconds)
    with bench.started(site.one):
        pass  # it has made its tables
    begun = site.read()
    alone = site.read(more=_PACED_SECONDS).since(begun)
    with bench.started(site.one) as server:
        free, paid, limited = (Contender(name, server, site.call(name)) for name in ("free", "paid", "limited"))
        for contender in (free, paid, limited):  # the first requests plant counters and open connections
            bench.load(contender, "small", connections=1)
        begun = site.read()
        idle = site.read(more=_PACED_SECONDS).since(begun)
        found.polls, found.scripts = idle.ended / idle.at, idle.scripts / idle.at
        found.idle = {name: getattr(idle, name) / idle.at for name in _OF_SERVERS}
        found.looks = {name: max(found.idle[name] - getattr(alone, name) / alone.at, 0) for name in _OF_SERVERS}
        before = site.read()
        pace = {"mode": "open", "rate": RATE / WORKERS, "warm_up": 0.0, "seconds": _PACED_SECONDS}
        bench.finish_load(bench.start_load(paid, "small", **pace))
        after = site.read()
        found.paced = _each(after.since(before), found)
        bench.say(f"  paced: {_told(found.paced)}")
        for contender in (free, limited, paid):
            before = site.read()
            rounds = bench.alternate("without a pause", [contender], "small")[contender.label]
            after = site.read()
            about = _each(after.since(before), found)
            about.rate, about.cpu = middle(rounds, "rate"), middle(rounds, "cpu")
            setattr(found, contender.label, about)
            bench.say(f"  {contender.label}: {_told(about)}")
        found.lines, found.bytes = after.lines, after.bytes / after.rows
        rounds = bench.alternate("latency", [free, paid, limited], "small", mode="open", rate=_PACED, warm_up=0.5)
        found.waits = {name: [middle(each, wait) for wait in ("p50", "p99")] for name, each in rounds.items()}
        big = bench.alternate("big", [paid], "big", connections=16)["paid"]
        found.big_rate, found.big_cpu = middle(big, "rate"), middle(big, "cpu")
    with bench.started(site.one) as server:
        found.rest = processes.rss_bytes(server.family)
        waiting = Contender("paid", server, site.call("paid"))
        found.held = cases._hold_many(bench, "memory", waiting, bench.plan.in_flight) * 1024
    with bench.spawned(site.two, core=None) as (server, log):
        bench._await_readiness(server, log)
        both = bench.alternate("two workers", [Contender("paid", server, site.call("paid"))], "small", connections=64)
        found.two = middle(both["paid"], "rate")
    return found


def _each(done, found):
    """Return what each request took, less what passes without any."""
    return SimpleNamespace(
        per_write=done.rows / max(done.written, 1),
        wal=done.wal / done.rows,
        scripts=max(done.scripts - found.scripts * done.at, 0) / done.rows,
        database_cpu=(done.database_cpu - found.idle["database_cpu"] * done.at) / done.rows,
        redis_cpu=(done.redis_cpu - found.idle["redis_cpu"] * done.at) / done.rows,
    )


def _told(about):
    return ", ".join(f"{name} {value:.4g}" for name, value in vars(about).items())


def seen(found):
    """Return the rows of what was measured."""
    free, paid, limited, paced = found.free, found.paid, found.limited, found.paced
    of_three = "{:{form}}; with a budget {:{form}}; with a rate limit too {:{form}}".format
    waits = ["{:.2f} and {:.2f}".format(*found.waits[name]) for name in ("free", "paid", "limited")]
    cpu = of_three(free.cpu, paid.cpu, limited.cpu, form=".2f")
    rate = of_three(free.rate, paid.rate, limited.rate, form=",.0f")
    scripts = of_three(free.scripts, paid.scripts, limited.scripts, form=".1f")
    own = f"{found.redis_cpu * 1e6:.0f} µs from {_SPENDERS} gateways, {paid.redis_cpu * 1e6:.0f} µs from a busy one"
    batch = "{:.0f} µs in transactions of {:.0f}".format
    batches = [batch(each.database_cpu * 1e6, each.per_write) for each in (paid, paced)]
    polls = f"{found.polls:.1f} transactions and {found.looks['database_cpu'] * 1000:.1f} ms of CPU a second"
    own_time = f"{found.looks['redis_cpu'] * 1000:.2f} ms of CPU a second; {_clients()[1]} connections"
    return [
        ("CPU time of a worker for a request with a small picture, ms", cpu),
        ("requests a second, one worker on a core of its own", rate),
        ("with a budget, two workers on two cores that load, provider and services use too", f"{found.two:,.0f}"),
        ("2 MB answers a second, one worker", f"{found.big_rate:,.0f}, {found.big_cpu:.1f} ms of CPU each"),
        ("p50 and p99 at 200 requests a second, ms", of_three(*waits, form="")),
        ("memory of a worker at rest", f"{found.rest / 2**20:.0f} MiB"),
        ("memory of a request that waits for its provider", f"{found.held / 2**10:.0f} KiB"),
        ("PostgreSQL: CPU for a record", ", ".join(batches)),
        ("PostgreSQL: a record", f"{found.bytes / 1000:.2f} kB with its indexes, {paid.wal / 1000:.2f} kB of WAL"),
        ("PostgreSQL: a worker at rest", f"{polls}; {found.lines} connections after work, {_clients()[0]} at most"),
        ("Redis: scripts for a request", scripts),
        ("Redis: CPU for a request with a budget", own),
        ("Redis: a worker at rest", own_time),
        ("Redis: requests with a budget that fill a core", f"{1 / found.redis_cpu:,.0f} a second"),
    ]  # fmt: skip


def _clients():
    """Return the most connections that a worker opens to PostgreSQL, and to Redis."""
    pool = database("postgresql://nobody@127.0.0.1/none")._engine.pool
    return pool.size() + pool._max_overflow, 1 + _FREIGHT_LINES + 1  # one for what is small, one that listens


def sized(found):
    """Return the rows of what follows for one machine and for a thousand, and how many fill what there is."""
    paced, (to_database, to_redis) = found.paced, _clients()
    moved = 2 * RATE * len(pictures.b64("big")) / 1e6
    cpu = RATE * paced.database_cpu + WORKERS * found.looks["database_cpu"]
    redis_cpu_ = RATE * found.redis_cpu + WORKERS * found.looks["redis_cpu"]
    memory = (WORKERS * found.rest + RATE * SECONDS * found.held) / 2**20
    disk = RATE * 86_400 * found.bytes / 1e9
    full = "{:,.0f} machines ({})".format
    rows = [
        ("requests a second", RATE, ""),
        (f"requests in flight, {SECONDS} s each", RATE * SECONDS, ""),
        ("worker CPU, cores, 2 MB pictures", RATE * found.big_cpu / 1000, ""),
        ("worker memory, MiB, without pictures", memory, ""),
        ("2 MB pictures in and out, MB/s", moved, ""),
        ("PostgreSQL: rows a second", RATE, ""),
        ("PostgreSQL: transactions that write, a second", RATE / paced.per_write, ""),
        ("PostgreSQL: looks for changes, transactions a second", WORKERS * found.polls, ""),
        ("PostgreSQL: CPU, cores", cpu, full(CORES / cpu, f"{CORES} cores")),
        ("PostgreSQL: disk, GB a day", disk, ""),
        (f"PostgreSQL: disk, GB in {KEPT_DAYS} days", disk * KEPT_DAYS, ""),
        ("PostgreSQL: connections at most", WORKERS * to_database,
         full(CLIENTS_OF_POSTGRESQL // (WORKERS * to_database), "`max_connections` 100")),
        ("Redis: scripts a second", RATE * paced.scripts, ""),
        ("Redis: CPU, cores", redis_cpu_, full(1 / redis_cpu_, "its one core")),
        ("Redis: connections at most", WORKERS * to_redis,
         full(CLIENTS_OF_REDIS // (WORKERS * to_redis), "`maxclients` 10,000")),
    ]  # fmt: skip
    return [(name, _number(value), _number(1000 * value), end) for name, value, end in rows]


def _number(value):
    return f"{value:.2g}" if value < 10 and value != int(value) else f"{value:,.0f}"


def text(found):
    """Return what stands in the page."""
    machine = f"{report._processor()}, {os.cpu_count()} cores, load average {found.load:.2f} before"
    first = report._markdown((f"seen on {datetime.now(UTC):%Y-%m-%d}, {machine}", "figure"), seen(found))
    head = (f"{WORKERS} workers, {RATE} requests a second", "a machine", "a thousand", "full at")
    return "\n".join([*first, "", *report._markdown(head, sized(found))])


def main():
    """Measure, print, and write the page's figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="rougher, and writes no page")
    quick = parser.parse_args().quick
    plan = Plan(rounds=1 if quick else 3, seconds=1.0 if quick else 3.0, in_flight=300 if quick else 1000)
    processes.raise_file_limit()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = processes.spawn(processes.module("upstream"), core=processes.LOAD_CORE, stdout=subprocess.PIPE)
        stack.callback(processes.stop, provider)
        fast, slow = json.loads(provider.stdout.readline())
        upstream = systems.Upstream(fast=fast, slow=slow)
        with processes.on_core(processes.LOAD_CORE):
            kept = stack.enter_context(postgres_server())
            shared = stack.enter_context(redis_server(appendonly=True))
        bench = Bench(plan=plan, folder=folder, say=lambda line: print(line, flush=True), upstream=upstream)  # noqa: T201
        stack.callback(bench.close)
        figures = text(measure(bench, Site(folder, upstream, kept, shared)))
    print(figures)  # noqa: T201
    if bench.failures:
        sys.exit(f"These figures do not count: {bench.failures}")
    if not quick:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{figures}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
