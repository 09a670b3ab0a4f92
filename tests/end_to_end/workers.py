"""Connections to the workers of one gateway, one to each: which of them takes a new one is chance."""

import contextlib
import http.client
import time
from pathlib import Path

from tests.bench.processes import family

_LINES = 64
"""More connections than it takes until one of them has come to each worker that has started."""
_SECONDS = 30.0


@contextlib.contextmanager
def line_to_each_worker(process, port, workers=2):
    """Yield the workers of a process, each with a connection to it, found by who holds its other end."""
    lines, found, until = [], {}, time.monotonic() + _SECONDS
    try:
        while len(found) < workers:
            assert time.monotonic() < until, f"{len(lines)} connections came to {len(found)} of {workers} workers"
            if len(lines) > _LINES:
                time.sleep(0.05)  # the others may still be starting
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            lines.append(line)
            line.request("GET", "/livez")
            line.getresponse().read()  # so somebody has taken it
            found.setdefault(_holder(process, port, line.sock.getsockname()[1]), line)
        yield found
    finally:
        for line in lines:
            line.close()


def _holder(process, port, caller):
    """Return the worker that has the other end of a connection."""
    ends = f":{port:04X}", f":{caller:04X}"
    for row in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = row.split()
        if fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]):
            for worker in family(process)[1:]:
                for entry in Path(f"/proc/{worker}/fd").iterdir():
                    with contextlib.suppress(FileNotFoundError):
                        if str(entry.readlink()) == f"socket:[{fields[9]}]":
                            return worker
    raise LookupError(caller)
