"""Makes any Python process tell, on SIGUSR1, what cannot be seen from outside: its asyncio tasks, and who holds memory.

A process runs this at its start where its folder is in PYTHONPATH. With PYTHONTRACEMALLOC set as well, the lines of
code that hold most are told.
"""

import asyncio
import json
import os
import signal
import tracemalloc

_MOST = int(os.environ.get("SOAK_LINES", "25"))


def _tell(*_):
    told = {"tasks": len(asyncio.all_tasks()), "lines": []}
    if tracemalloc.is_tracing():
        held = tracemalloc.take_snapshot().statistics("lineno")[:_MOST]
        told["lines"] = [f"{row.size // 1024} KiB in {row.count}: {row.traceback}" for row in held]
    with open(os.environ["SOAK_TOLD"], "a", encoding="utf-8") as file:  # noqa: PTH123 - nothing more is imported here
        file.write(json.dumps(told) + "\n")


if "SOAK_TOLD" in os.environ:
    signal.signal(signal.SIGUSR1, _tell)
