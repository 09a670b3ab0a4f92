"""Starts processes on chosen cores, and reads what they use."""

import os
import resource
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVER_CORE, LOAD_CORE = 0, 1


def can_pin():
    """Whether there are two cores to keep server and load apart on."""
    return hasattr(os, "sched_setaffinity") and {SERVER_CORE, LOAD_CORE} <= os.sched_getaffinity(0)


@contextmanager
def on_core(core):
    """Have what is started inside run on one core; `None` leaves the choice to the kernel."""
    if core is None or not can_pin():
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def spawn(command, *, core, environment=None, **streams):
    """Start a process in the checkout's root."""
    with on_core(core):
        return subprocess.Popen(
            [str(word) for word in command], cwd=ROOT, env={**os.environ, **(environment or {})}, **streams
        )


def module(name, *arguments):
    """Return the command that runs a module of this folder."""
    return [sys.executable, "-m", f"tests.bench.{name}", *arguments]


def stop(process):
    """End a process of ours: politely, then surely."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port():
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def raise_file_limit():
    """Allow as many open files as the system lets us, and return how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def family(pid):
    """Return a process and its descendants."""
    found = [pid]
    for parent in found:
        for tasks in Path(f"/proc/{parent}/task").glob("*/children"):
            found.extend(int(child) for child in tasks.read_text().split())
    return found


def cpu_seconds(pids):
    """Return the CPU time that processes have used so far, all their threads together."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def rss_bytes(pids):
    """Return the resident memory of processes."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE")
