"""How long charts take over a million requests, and what one more of them costs: `python -m tests.bench.analytics`."""

import argparse
import asyncio
import contextlib
import random
import secrets
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from gateway.http.control.analytics import GROUPS
from gateway.http.control.charts import CHARTS
from gateway.store import analytics, records
from gateway.store.database import database, sqlite_url
from gateway.store.filters import Filters
from gateway.store.migrations import migrate
from gateway.store.tables import feedback
from tests.services.postgres import postgres_server

DAYS = 30
DAY_MS = 86_400_000
SINCE = 1_760_000_000_000 // DAY_MS * DAY_MS
UNTIL = SINCE + DAYS * DAY_MS
BATCH = 500
MODELS = [
    ("openai", "gpt-image-1"),
    ("openai", "dall-e-3"),
    ("together", "black-forest-labs/FLUX.1-schnell"),
    ("google", "imagen-4.0-generate-001"),
    ("stability", "sd3.5-large"),
]


def tell(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def rows(number, rng):
    """Yield requests as they come, evenly over the days."""
    for count in range(number):
        provider, model = rng.choice(MODELS)
        status = rng.choices((200, 400, 408, 429, 500, 503), (92, 2, 1, 2, 1, 2))[0]
        is_hit = status == 200 and rng.random() < 0.1
        ms = 20 if is_hit else int(rng.lognormvariate(8.5, 0.8))
        created = SINCE + count * (UNTIL - SINCE) // number
        user = f"user-{rng.randrange(500)}"
        attempt = {"provider": provider, "status": status, "cause": None, "ms": ms}
        yield {
            "id": f"{created:011x}{secrets.token_hex(10)}",
            "workspace": "default" if rng.random() < 0.95 else "other",
            "created_ms": created,
            "trace_id": f"trace-{count:09d}",
            "api_key": f"key-{rng.randrange(20)}",
            "user": user,
            "config": f"pc-config-{rng.randrange(10)}",
            "config_version": "3",
            "operation": "generate",
            "asked_model": model,
            "target": "config.targets[1]",
            "provider": provider,
            "virtual_key": f"{provider}-team",
            "model": model,
            "status": status,
            "cause": None if status == 200 else "provider_error",
            "code": None if status == 200 else "upstream_error",
            "ms": ms,
            "upstream_ms": ms,
            "queued_ms": 0,
            "cost_micros": None if status != 200 else 0 if is_hit else 40_000,
            "saved_micros": 40_000 if is_hit else None,
            "images": int(status == 200),
            "attempts": 1,
            "maybe_billed": int(rng.random() < 0.01),
            "rescued": int(status == 200 and rng.random() < 0.03),
            "cache": "HIT" if is_hit else "MISS",
            "size": "1024x1024",
            "prompt": "an otter in a small red boat on the sea, in the manner of an old woodcut, evening light",
            "metadata": {"_user": user, "team": f"team-{rng.randrange(8)}"},
            "more": {
                "attempts": [{**attempt, "target": "config.targets[0]"}, {**attempt, "target": "config.targets[1]"}],
                "adaptations": ["size=1000x1000->1024x1024"],
                "pictures": [{"url": f"/v1/images/files/{secrets.token_hex(16)}.png", "bytes": 1_482_113}],
            },
        }


async def fill(opened, number, rng):
    spent, wall = 0.0, 0.0
    batch = []
    for row in rows(number, rng):
        batch.append(row)
        if len(batch) == BATCH:
            before, began = time.process_time(), time.perf_counter()
            await records.insert(opened, batch)
            spent += time.process_time() - before
            wall += time.perf_counter() - began
            batch = []
    await records.insert(opened, batch)
    cpu, wall = 1e6 * spent / number, 1e6 * wall / number
    tell(f"inserted {number} in batches of {BATCH}: {cpu:.1f} µs of CPU, {wall:.1f} µs each")
    opinions = [
        {
            "id": f"f-{count}",
            "workspace": "default",
            "trace_id": f"trace-{rng.randrange(number):09d}",
            "value": rng.choice((-1, 1, 1, 5)),
            "weight": 1.0,
            "metadata": {},
            "created_ms": SINCE + rng.randrange(UNTIL - SINCE),
            "updated_ms": SINCE,
        }
        for count in range(number // 50)
    ]
    async with opened.write() as connection:
        await connection.execute(sa.insert(feedback), opinions)
    if not opened.is_sqlite:  # what autovacuum does by itself within a minute
        async with opened._engine.connect() as bare:
            connection = await bare.execution_options(isolation_level="AUTOCOMMIT")
            await connection.exec_driver_sql("VACUUM ANALYZE")


async def measure(opened):
    day = (SINCE + 10 * DAY_MS, SINCE + 11 * DAY_MS)
    spans = {"all": (SINCE, UNTIL), "a day": day}
    tell(f"{'seconds':34}" + "".join(f"{name:>18}" for name in ("all", "all, one space", "a day")))
    for name, ask in asks(opened).items():
        times = []
        for workspace, span in ((None, spans["all"]), ("default", spans["all"]), ("default", spans["a day"])):
            times.append(await best(ask, Filters(workspace=workspace, since_ms=span[0], until_ms=span[1])))
        tell(f"{name:34}" + "".join(f"{seconds:18.3f}" for seconds in times))


def asks(opened):
    """Return what is asked, by its name."""
    order = analytics.Order()

    def graph(chart):
        return lambda filters: chart(opened, filters, filters.since_ms, filters.until_ms)

    def group(dimension):
        return lambda filters: analytics.groups(opened, filters, dimension, order)

    async def page(filters):
        await records.find(opened, filters, size=50)

    async def deep_page(filters):
        await records.find(opened, filters, size=50, page=1999)

    async def summed(filters):
        await asyncio.gather(analytics.summary(opened, filters), analytics.latency(opened, filters))

    return {
        **{f"graphs/{name}": graph(chart) for name, chart in CHARTS.items()},
        **{f"groups/{name}": group(name) for name in dict.fromkeys(GROUPS.values())},
        "groups/metadata/team": group("metadata/team"),
        "summary": summed,
        "logs": page,
        "logs, the last page there is": deep_page,
    }


async def best(ask, filters):
    times = []
    for _ in range(3):
        began = time.perf_counter()
        await ask(filters)
        times.append(time.perf_counter() - began)
    return min(times)


async def main(number, url):
    opened = database(url)
    await migrate(opened)
    await fill(opened, number, random.Random(7))
    await measure(opened)
    await opened.close()


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    given = parser.parse_args()
    if given.only != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            tell("SQLite")
            asyncio.run(main(given.rows, sqlite_url(Path(folder) / "bench.db")))
    if given.only != "sqlite":
        with contextlib.ExitStack() as stack:
            tell("PostgreSQL")
            asyncio.run(main(given.rows, stack.enter_context(postgres_server(arguments=["-F"])).url))


if __name__ == "__main__":
    run()
