"""What requests take of a worker, a database and Redis, as docs/scale-out.md sizes from: `python -m tests.bench.scale`.

Everything is real and on this machine. The first worker has a core of its own, as in the other benchmarks.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import asyncpg
import redis

from gateway.state.redis import server as redis_client
from gateway.store.database import database
from tests.bench import cases, pictures, processes, report, systems
from tests.bench.runner import Bench, Contender, Plan, middle
from tests.services.postgres import postgres_server
from tests.services.redis import redis_server

PAGE, BEGIN, END = Path("docs/scale-out.md"), "<!-- written by `make scale` -->", "<!-- to here -->"
WORKERS, RATE, SECONDS = 2, 50, 10
"""The machine that is reckoned with: its workers, its requests a second, and how long a picture takes."""
CORES_OF_POSTGRESQL, LINES_OF_POSTGRESQL, LINES_OF_REDIS = 16, 100, 10_000
"""What a large server has, and how many clients the two let in unless they are told otherwise."""
_FLUSHED = 11.0
"""Seconds until PostgreSQL's counters tell of what its idle processes did."""
_PACED = 200.0
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


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the services have done so far."""

    at: float
    rows: int
    written: int
    """Transactions that wrote."""
    ended: int
    """Transactions of any kind."""
    wal: int
    bytes: int
    """Of records and their indexes, on disk."""
    lines: int
    database_cpu: float
    redis_cpu: float
    asked: int
    """Commands that came over the wire; those that scripts give are not among them."""

    def since(self, before):
        """Return what was done meanwhile."""
        return Reading(**{name: value - getattr(before, name) for name, value in vars(self).items()})


class Site:
    """A database, a Redis, and gateways on them."""

    def __init__(self, folder, upstream, database_, redis_):
        self.database, self.redis = database_, redis_
        made = systems.beamsplitter(upstream, folder)
        (folder / "configs" / "gateway.yaml").write_text(_KEYS)
        shared = ["--store", database_.url, "--redis", redis_.url, "--master-key", "ab" * 32]
        shared += ["--admin-key", "admin-key-that-is-not-real", "--url-secret", "link-secret-not-real" * 2]

        def of(workers):
            more = ["--workers", workers, "--data", folder / f"data{workers}", *shared]
            return replace(made, command=lambda port: [*made.command(port), *more], call=self.call("paid"), inline=None)

        self.one, self.two = of(1), of(2)

    @staticmethod
    def call(name):
        """Return how an owner of a key asks."""
        headers = {"x-portkey-api-key": f"key-of-{name}-not-real"}
        stored = {kind: "bench" if kind == "small" else f"bench-{kind}" for kind in pictures.LENGTHS}
        return lambda kind: systems.Call(headers={**headers, "x-portkey-config": stored[kind]})

    def read(self):
        """Read all counters, once they tell of everything."""
        time.sleep(_FLUSHED)
        rows = asyncio.run(self._ask())
        process = self.database.process.pid
        with redis.Redis.from_url(self.redis.url) as client:
            cpu, stats = client.info("cpu"), client.info("commandstats")
        asked = sum(about["calls"] for name, about in stats.items() if name.removeprefix("cmdstat_") in _ASKED)
        return Reading(
            at=time.monotonic(),
            **rows,
            database_cpu=processes.cpu_seconds(processes.family(process)) + _of_the_ended(process),
            redis_cpu=cpu["used_cpu_sys"] + cpu["used_cpu_user"],
            asked=asked,
        )

    async def _ask(self):
        connection = await asyncpg.connect(self.database.url)
        try:
            return dict(await connection.fetchrow(_COUNTERS))
        finally:
            await connection.close()


_ASKED = {"evalsha", "eval", "get", "set", "publish", "ping", "hmget", "getrange", "strlen", "exists"}
_COUNTERS = """
SELECT (SELECT count(*) FROM requests) AS rows, pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS written,
  xact_commit + xact_rollback AS ended, (pg_current_wal_insert_lsn() - '0/0')::bigint AS wal,
  pg_total_relation_size('requests') AS bytes,
  (SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend') AS lines
FROM pg_stat_database WHERE datname = current_database()
"""


def _of_the_ended(pid):
    """Return the CPU time of a process's children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / 100


def measure(bench, site):
    """Return every figure."""
    found = SimpleNamespace()
    with bench.started(site.one) as server:
        free, paid, limited = (Contender(name, server, site.call(name)) for name in ("free", "paid", "limited"))
        bench.load(paid, "small")  # the first requests plant counters and open connections
        begun = site.read()
        idle = site.read().since(begun)
        found.polls, found.heard = idle.ended / idle.at, idle.asked / idle.at
        found.idle_database, found.idle_redis = idle.database_cpu / idle.at, idle.redis_cpu / idle.at
        for contender in (free, limited, paid):
            before = site.read()
            figures = [bench.load(contender, "small") for _ in range(bench.plan.rounds)]
            about = _each(site.read().since(before), found)
            about.rate, about.cpu = middle(figures, "rate"), middle(figures, "cpu")
            bench.say(f"  {contender.label}: {_told(about)}")
            setattr(found, contender.label, about)
        before = site.read()
        bench.load(paid, "small", mode="open", rate=_PACED, warm_up=0.5)
        found.paced = _each(site.read().since(before), found)
        found.lines = site.read().lines
        bench.say(f"  at {_PACED:.0f} a second: {_told(found.paced)}")
        rounds = bench.alternate("latency", [free, paid, limited], "small", mode="open", rate=_PACED, warm_up=0.5)
        for name in ("p50", "p99"):
            pairs = zip(rounds["paid"], rounds["free"], strict=True)
            setattr(found, name, median(getattr(one, name) - getattr(other, name) for one, other in pairs))
        big = bench.alternate("big", [paid], "big", connections=16)["paid"]
        found.big_rate, found.big_cpu = middle(big, "rate"), middle(big, "cpu")
    with bench.started(site.one) as server:
        waiting = Contender("paid", server, site.call("paid"))
        found.each = cases._hold_many(bench, "memory", waiting, bench.plan.in_flight) * 1024
        found.idle_memory = processes.rss_bytes(server.family)
    with bench.spawned(site.two, core=None) as (server, log):
        bench._await_readiness(server, log)
        both = bench.alternate("two workers", [Contender("paid", server, site.call("paid"))], "small", connections=64)
        found.two = SimpleNamespace(rate=middle(both["paid"], "rate"), cpu=middle(both["paid"], "cpu"))
    return found


def _each(done, found):
    """Return what each request took, less what passes without any."""
    took = SimpleNamespace(rows=done.rows, per_write=done.rows / max(done.written, 1))
    took.wal, took.bytes = done.wal / done.rows, done.bytes / done.rows
    took.asked = (done.asked - found.heard * done.at) / done.rows
    took.database_cpu = (done.database_cpu - found.idle_database * done.at) / done.rows
    took.redis_cpu = (done.redis_cpu - found.idle_redis * done.at) / done.rows
    return took


def _told(about):
    return ", ".join(f"{name} {value:.6g}" for name, value in vars(about).items())


def measured(found):
    """Return the rows of what was seen."""
    paid, free, limited, paced = found.paid, found.free, found.limited, found.paced
    return [
        ("CPU time of a worker for a request", f"{free.cpu:.2f} ms; with a budget {paid.cpu:.2f} ms; with a rate too {limited.cpu:.2f} ms"),
        ("requests a second, one worker on a core of its own", f"{free.rate:,.0f}; with a budget {paid.rate:,.0f}"),
        ("the same, two workers that share two cores with load, provider, PostgreSQL and Redis", f"{found.two.rate:,.0f}, {found.two.cpu:.2f} ms CPU each"),
        ("answers of 2 MB a second, one worker", f"{found.big_rate:,.0f}, {found.big_cpu:.2f} ms CPU each"),
        (f"what a budget adds to a request at {_PACED:.0f} a second", f"p50 {found.p50:.2f} ms, p99 {found.p99:.2f} ms"),
        ("memory of a worker at rest, and for each request in flight", f"{found.idle_memory / 2**20:.0f} MiB, {found.each / 1024:.0f} KiB"),
        ("PostgreSQL for a record", f"{paid.database_cpu * 1e6:.0f} µs CPU in large batches, {paced.database_cpu * 1e6:.0f} µs at {_PACED:.0f} a second; {paid.bytes / 1000:.1f} kB on disk with indexes, {paid.wal / 1000:.1f} kB of its log"),
        ("records of a transaction", f"{paced.per_write:.0f} at {_PACED:.0f} a second, {paid.per_write:.0f} at {paid.rate:,.0f}"),
        ("PostgreSQL for a worker at rest", f"{found.polls:.1f} transactions a second, {found.idle_database * 1000:.1f} ms CPU a second; {found.lines} connections"),
        ("commands to Redis for a request", f"{free.asked:.1f}; with a budget {paid.asked:.1f}; with a rate too {limited.asked:.1f}"),
        ("Redis for a request", f"{paid.redis_cpu * 1e6:.0f} µs CPU with a budget, {limited.redis_cpu * 1e6:.0f} µs with a rate too, {paced.redis_cpu * 1e6:.0f} µs at {_PACED:.0f} a second"),
        ("requests with a budget a second that fill one core of Redis", f"{1 / paid.redis_cpu:,.0f}"),
    ]  # fmt: skip
