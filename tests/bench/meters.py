"""What a database and a Redis have done so far, and what that took of their machine."""

import asyncio
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import redis

from tests.bench import processes
from tests.services.redis import redis_server

_FLUSHED = 11.0
"""Seconds until PostgreSQL's counters tell of what its idle processes did."""
_COUNTERS = """
SELECT (SELECT count(*) FROM requests) AS rows, pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS written,
  xact_commit + xact_rollback AS ended, (pg_current_wal_insert_lsn() - '0/0')::bigint AS wal,
  pg_total_relation_size('requests') AS bytes,
  (SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend') AS lines
FROM pg_stat_database WHERE datname = current_database()
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
    """Connections of gateways."""
    database_cpu: float
    redis_cpu: float
    scripts: int
    """That Redis was asked for."""

    def since(self, before):
        """Return what was done meanwhile."""
        return Reading(**{name: value - getattr(before, name) for name, value in vars(self).items()})


@dataclass(frozen=True)
class Meters:
    """Reads what two servers count."""

    postgres: object
    redis: object

    def read(self, *, more=0.0):
        """Read all counters, once they tell of everything."""
        time.sleep(_FLUSHED + more)
        rows = asyncio.run(self._ask())
        process = self.postgres.process.pid
        with redis.Redis.from_url(self.redis.url) as client:
            stats = client.info("commandstats")
        return Reading(
            at=time.monotonic(),
            **rows,
            database_cpu=sum(map(_cpu_of, processes.family(process))) + _cpu_of_the_ended(process),
            redis_cpu=redis_cpu(self.redis),
            scripts=sum(stats[name]["calls"] for name in ("cmdstat_evalsha", "cmdstat_eval") if name in stats),
        )

    async def _ask(self):
        connection = await asyncpg.connect(self.postgres.url)
        try:
            return dict(await connection.fetchrow(_COUNTERS))
        finally:
            await connection.close()


def redis_cpu(server):
    """Return the CPU time that a Redis has used so far."""
    with redis.Redis.from_url(server.url) as client:
        cpu = client.info("cpu")
    return cpu["used_cpu_sys"] + cpu["used_cpu_user"]


def redis_cpu_for_many(clients, seconds):
    """Return what a reservation and its settlement take of a Redis that many gateways ask."""
    with redis_server(appendonly=True) as server:
        before = redis_cpu(server)
        command = processes.module("spenders", server.url, str(clients), str(seconds))
        count = int(subprocess.run(command, cwd=processes.ROOT, check=True, stdout=subprocess.PIPE).stdout)
        return (redis_cpu(server) - before) / count


def _cpu_of(pid):
    """Return the CPU time of a process with one thread; ticks would be too coarse for what does little."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _cpu_of_the_ended(pid):
    """Return the CPU time of a process's children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
